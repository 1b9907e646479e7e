// Every command on a small DeepSeek-V3.2 checkpoint, made by `hadal synth` and given a tokenizer:
// what it does, and what it refuses.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "base/json.h"
#include "cache/small_shape_test.h"
#include "chat/dialect.h"
#include "cli/call_test.h"
#include "io/file.h"
#include "server/test_server_test.h"
#include "testing/source_file.h"
#include "testing/temp_folder.h"

namespace hadal::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kVocab = 4096;  // of the embedded model's tokenizer

class V32Commands : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new testing::TempFolder;
    arch::Config config = cache::SmallV32Shape();
    config.vocab_size = kVocab;
    const std::string shape = File("shape.json");
    HADAL_CHECK(io::WriteFile(shape, arch::ConfigToJson(config, true).Dump()).ok());
    const Outcome made = Call({"synth", Model(), "--shape", shape, "--mtp", "--quiet"});
    ASSERT_EQ(made.code, 0) << made.errors;
    fs::copy_file(testing::SourceFile("models/embedded/tokenizer.json"),
                  Model() + "/tokenizer.json");
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }
  static std::string File(const std::string& name) { return folder_->File(name); }
  static std::string Model() { return File("m"); }

  static Json Ran(std::vector<std::string> flags) {
    std::vector<std::string> arguments = {"run", "--json", "--seed", "3", "--threads", "2"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Outcome done = Call(arguments);
    EXPECT_EQ(done.code, 0) << done.errors;
    return ParseJson(done.out).value();
  }
  static std::string TextOf(const Json& json) { return *json.Find("text")->AsString(); }

 private:
  static testing::TempFolder* folder_;
};
testing::TempFolder* V32Commands::folder_ = nullptr;

TEST_F(V32Commands, RunGoesOnFromASnapshotAsIfItHadNotStopped) {
  const std::vector<std::string> story = {"-m", Model(), "-p", "Once upon a time"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), story.begin(), story.end());
    return more;
  };
  const Json whole = Ran(with({"--max-tokens", "20"}));
  Ran(with({"--max-tokens", "9", "--snapshot", File("snap")}));
  const Outcome rest =
      Call({"run", "-m", Model(), "--resume", File("snap"), "--max-tokens", "20", "--json"});
  ASSERT_EQ(rest.code, 0) << rest.errors;
  EXPECT_EQ(TextOf(ParseJson(rest.out).value()), TextOf(whole));
  const Json* stats = whole.Find("stats");
  EXPECT_EQ(stats->Find("whole_context"), nullptr);  // there is nothing to compare with
  const Json* components = stats->Find("weight_bytes_by_component");
  for (const char* name : {"indexer", "dense feed forward", "experts"})
    EXPECT_GT(*components->Find(name)->AsInt(), 0) << name;

  // With other weights of the same shape, by name.
  const std::string other = File("other");
  ASSERT_EQ(
      Call({"synth", other, "--shape", File("shape.json"), "--mtp", "--quiet", "--seed", "2"}).code,
      0);
  fs::copy_file(Model() + "/tokenizer.json", other + "/tokenizer.json");
  const Outcome foreign = Call({"run", "-m", other, "--resume", File("snap")});
  EXPECT_EQ(foreign.code, 1);
  EXPECT_NE(foreign.errors.find("made by another model"), std::string::npos) << foreign.errors;
}

TEST_F(V32Commands, RunAsksInTheChatFormat) {
  const auto tokens = [](const Json& json) {
    return *json.Find("stats")->Find("prompt_tokens")->AsInt();
  };
  const Json plain = Ran({"-m", Model(), "-p", "Hi", "--max-tokens", "2"});
  const Json asked = Ran({"-m", Model(), "-p", "Hi", "--max-tokens", "2", "--chat", "--think"});
  EXPECT_EQ(tokens(asked), tokens(plain) + 3);  // user, assistant, <think>
  const Json fit =
      Ran({"-m", Model(), "-p", "Hi", "--max-tokens", "60", "--chat", "--json-object"});
  EXPECT_EQ(TextOf(fit)[0], '{') << fit.Dump();
}

TEST_F(V32Commands, InspectKnowsItsParts) {
  const Outcome text = Call({"inspect", Model()});
  ASSERT_EQ(text.code, 0) << text.errors;
  for (const char* part :
       {"3 + 1 MTP: the first 1 dense, latent attention in all",
        "3 heads of 128 + 64 rotary, values of 128, q rank 64, latent 128", "4 heads of 128, top 8",
        "8 of 16 in 4 of 8 groups + 1 shared", "dense feed forward"})
    EXPECT_NE(text.out.find(part), std::string::npos) << part << "\n" << text.out;
  const Outcome verified = Call({"inspect", "--verify", Model()});
  EXPECT_EQ(verified.code, 0) << verified.errors;
  EXPECT_NE(verified.out.find("Every tensor that config.json calls for is there."),
            std::string::npos);
  const Json json = ParseJson(Call({"inspect", "--json", Model()}).out).value();
  EXPECT_EQ(*json.Find("config")->Find("model_type")->AsString(), "deepseek_v32");
}

TEST_F(V32Commands, QuantizeThereAndBackIsTheSameModel) {
  const std::vector<std::string> prompt = {"-p", "The king", "--max-tokens", "12"};
  const auto text = [&](const std::string& model) {
    std::vector<std::string> flags = {"-m", model};
    flags.insert(flags.end(), prompt.begin(), prompt.end());
    return TextOf(Ran(flags));
  };
  std::string from = Model();
  for (const char* to : {"f32", "published"}) {
    ASSERT_EQ(Call({"quantize", from, File(to), "--to", to, "--quiet"}).code, 0);
    from = File(to);
  }
  EXPECT_EQ(text(from), text(Model()));
  EXPECT_EQ(Call({"inspect", "--verify", from}).code, 0);
}

// The weights are the same, what is kept of a token is rounded by another rule.
TEST_F(V32Commands, ASnapshotIsOfOneRuleOfScales) {
  const std::string model = File("rule");
  ASSERT_EQ(Call({"quantize", Model(), model, "--to", "f32", "--quiet"}).code, 0);
  Ran({"-m", model, "-p", "The king", "--max-tokens", "5", "--snapshot", File("of-rule")});
  ASSERT_EQ(Call({"run", "-m", model, "--resume", File("of-rule"), "--max-tokens", "9"}).code, 0);
  Json json = ParseJson(io::ReadFile(model + "/config.json").value()).value();
  json.Set("scale_fmt", Json());
  ASSERT_TRUE(io::WriteFile(model + "/config.json", json.Dump()).ok());
  const Outcome refused = Call({"run", "-m", model, "--resume", File("of-rule")});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.errors.find("made by another model"), std::string::npos) << refused.errors;
}

// Its float32 scales stay in memory, its experts' codes on disk.
TEST_F(V32Commands, ExpertsFromDiskSayTheSame) {
  const std::vector<std::string> story = {"-m", Model(), "-p", "Once upon", "--max-tokens", "12"};
  std::vector<std::string> from_disk = story;
  from_disk.insert(from_disk.end(), {"--experts", "disk"});
  const Json disk = Ran(from_disk);
  EXPECT_EQ(TextOf(disk), TextOf(Ran(story)));
  EXPECT_GT(*disk.Find("stats")->Find("experts")->Find("reads")->AsInt(), 0) << disk.Dump();
}

TEST_F(V32Commands, PlanTakesTheFolderAndTheConfigAlone) {
  const auto shown = [](const std::string& model) {
    const Outcome done = Call({"plan", "show", model, "--context", "4K", "--json"});
    EXPECT_EQ(done.code, 0) << done.errors;
    const Json json = ParseJson(done.out).value();
    return json.Find("model")->Find("kv_bytes_per_token")->Dump();
  };
  const std::string want = "1176.0";  // three layers of 260 and 132 bytes
  EXPECT_EQ(shown(Model()), want);
  EXPECT_EQ(shown(Model() + "/config.json"), want);
  const Outcome fit = Call({"plan", "compare", Model(), "v3.2", "--context", "4K"});
  EXPECT_EQ(fit.code, 0) << fit.errors;
}

TEST_F(V32Commands, EvalAndBenchMeasureIt) {
  ASSERT_TRUE(io::WriteFile(File("text"), std::string(3000, 'a') + " b").ok());
  const Outcome perplexity =
      Call({"eval", "perplexity", "-m", Model(), "-f", File("text"), "--json"});
  ASSERT_EQ(perplexity.code, 0) << perplexity.errors;
  const Outcome needle = Call(
      {"eval", "needle", "-m", Model(), "--lengths", "512,512", "--trials", "1", "--depths", "1"});
  EXPECT_EQ(needle.code, 0) << needle.errors;
  EXPECT_EQ(std::ranges::count(needle.out, '\n'), 2) << needle.out;  // a head and that length alone
  const Outcome bench = Call({"bench", "-m", Model(), "--depth", "0,300", "--prefill", "16",
                              "--repeat", "1", "--quick", "--json"});
  ASSERT_EQ(bench.code, 0) << bench.errors;
  const Json json = ParseJson(bench.out).value();
  const Json& deep = json.Find("decode")->AsArray()->at(1);
  EXPECT_EQ(*deep.Find("state_bytes")->AsInt() % (4 * 128 * (260 + 132)), 0);
}

TEST_F(V32Commands, WhatItDoesNotHaveIsRefusedByName) {
  const Outcome ratios =
      Call({"synth", File("x"), "--shape", File("shape.json"), "--ratios", "4,4,4"});
  EXPECT_EQ(ratios.code, 2);
  EXPECT_NE(ratios.errors.find("V3.2 compresses nothing"), std::string::npos) << ratios.errors;
  const Outcome experts = Call({"synth", File("x"), "--shape", "v3.2", "--experts", "12"});
  EXPECT_EQ(experts.code, 2);
  EXPECT_NE(experts.errors.find("n_group: found 8, expected a divisor of n_routed_experts 12"),
            std::string::npos)
      << experts.errors;
}

// FP8 keys are scored in float32, a product that no measured rate is of.
TEST_F(V32Commands, RatesAreRefusedByName) {
  const Outcome bench = Call({"bench", "-m", Model(), "--depth", "0", "--prefill", "16", "--repeat",
                              "1", "--threads", "2", "--quick", "--json"});
  ASSERT_EQ(bench.code, 0) << bench.errors;
  ASSERT_TRUE(io::WriteFile(File("bench.json"), bench.out).ok());
  ASSERT_TRUE(io::WriteFile(File("rates.json"), R"({"threads": 2, "kernels": [
    {"kernel": "bf16_matrix", "per_s": 4e10}, {"kernel": "fp8_matrix", "per_s": 2e10},
    {"kernel": "fp4_matrix", "per_s": 1e10}, {"kernel": "index_scores", "per_s": 5e11},
    {"kernel": "attention", "per_s": 1e11}, {"kernel": "memory_read", "per_s": 4e10}]})")
                  .ok());
  EXPECT_EQ(Call({"plan", "check", Model(), File("bench.json")}).code, 0);
  const Outcome refused =
      Call({"plan", "check", Model(), File("bench.json"), "--rates", File("rates.json")});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.errors.find("has products without a measured rate: V3.2's index scores"),
            std::string::npos)
      << refused.errors;
}

// Lines from a pipe are messages.
TEST_F(V32Commands, ChatAnswers) {
  std::istringstream lines("Hello.\nAnd you?\n");
  std::streambuf* before = std::cin.rdbuf(lines.rdbuf());
  const Outcome done =
      Call({"chat", "-m", Model(), "--max-tokens", "4", "--seed", "1", "--ctx", "512", "--think"});
  std::cin.rdbuf(before);
  EXPECT_EQ(done.code, 0) << done.errors;
}

class V32Server : public V32Commands {
 protected:
  static server::ServerOptions Options(const std::string& model) {
    server::ServerOptions options = server::TestServer::Options();
    options.model.directory = model;
    return options;
  }
};

TEST_F(V32Server, WritesItsOwnFormat) {
  const server::TestServer server(Options(Model()));
  const std::string calls = R"({"messages":[{"role":"user","content":"q <think>"},
    {"role":"assistant","tool_calls":[{"id":"1","type":"function",
     "function":{"name":"f","arguments":"{}"}}]},
    {"role":"tool","tool_call_id":"1","content":"r"}],
    "tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"max_tokens":4})";
  const Json prompt = server.Post("/apply-template", calls).json();
  const std::string text = *prompt.Find("prompt")->AsString();
  EXPECT_NE(text.find("<\uFF5CDSML\uFF5Cfunction_calls>\n<\uFF5CDSML\uFF5Cinvoke name=\"f\">"),
            std::string::npos)
      << text;
  EXPECT_TRUE(
      text.ends_with("\n\n<function_results>\n<result>r</result>\n</function_results>"
                     "\n\n</think>"))
      << text;
  const server::Reply answered = server.Post("/v1/chat/completions", calls);
  EXPECT_EQ(answered.status, 200) << answered.body;

  const server::Reply refused = server.Post(
      "/v1/chat/completions", R"({"messages":[{"role":"latest_reminder","content":"x"}]})");
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(refused.body.find("the format of deepseek_v32 has no latest_reminder"),
            std::string::npos)
      << refused.body;
}

TEST_F(V32Server, ForcedCallsAreInItsTags) {
  const server::TestServer server(Options(Model()));
  const server::Reply reply = server.Post("/v1/chat/completions", R"({
    "messages":[{"role":"user","content":"q"}],"max_tokens":200,
    "tool_choice":{"type":"function","function":{"name":"f"}},
    "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object",
      "properties":{"a":{"enum":["x","y"]}},"required":["a"]}}}]})");
  ASSERT_EQ(reply.status, 200) << reply.body;
  const Json body = reply.json();
  const Json& choice = body.Find("choices")->AsArray()->at(0);
  EXPECT_EQ(*choice.Find("finish_reason")->AsString(), "tool_calls") << reply.body;
}

// The second question is read behind what the first left, and the text is that of a server which
// keeps nothing.
TEST_F(V32Server, KeepsPrefixes) {
  server::ServerOptions off = Options(Model());
  off.engine.keep_prefixes = false;
  const server::TestServer server(Options(Model())), plain(off);
  const std::string first = "A fox and a bear walked through the snow to the frozen river.";
  const auto body = [&](const std::string& more) {
    return R"({"seed":3,"max_tokens":6,"ignore_eos":true,"messages":[{"role":"user","content":")" +
           first + "\"}" + more + "]}";
  };
  const std::string next = body(R"(,{"role":"assistant","content":"They ate."},)"
                                R"({"role":"user","content":"And then?"})");
  std::int64_t read = 0;
  for (const std::string& question : {body(""), next}) {
    const server::Reply kept = server.Post("/v1/chat/completions", question);
    const server::Reply fresh = plain.Post("/v1/chat/completions", question);
    ASSERT_EQ(kept.status, 200) << kept.body;
    const auto text = [](const server::Reply& reply) {
      return server::Text(reply.json(), {"choices", "0", "message", "content"});
    };
    EXPECT_EQ(text(kept), text(fresh));
    const Json usage = *kept.json().Find("usage");
    const std::int64_t cached =
        *usage.Find("prompt_tokens_details")->Find("cached_tokens")->AsInt();
    EXPECT_GE(cached, read);
    EXPECT_EQ(cached > 0, read > 0);
    read = *usage.Find("prompt_tokens")->AsInt() - 1;
  }
}

// A vocabulary without the format's tokens: chats say so in a line, texts go on.
TEST_F(V32Server, ATokenizerWithoutItsTokensIsNamed) {
  const std::string bare = File("bare");
  fs::create_directories(bare);
  for (const auto& file : fs::directory_iterator(Model()))
    fs::copy_file(file.path(), bare + "/" + file.path().filename().string());
  std::string json = io::ReadFile(bare + "/tokenizer.json").value();
  const std::string user(chat::kDeepSeekV32.user);
  for (std::size_t at = 0; (at = json.find(user, at)) != json.npos;) json[at + 4] = 'u';
  ASSERT_TRUE(io::WriteFile(bare + "/tokenizer.json", json).ok());
  const server::TestServer server(Options(bare));
  const server::Reply chat = server.Post(
      "/v1/chat/completions", R"({"messages":[{"role":"user","content":"x"}],"max_tokens":2})");
  EXPECT_EQ(chat.status, 400);
  EXPECT_NE(chat.body.find("the tokenizer has no token"), std::string::npos) << chat.body;
  EXPECT_NE(chat.body.find(user), std::string::npos) << chat.body;
  EXPECT_EQ(server.Post("/v1/completions", R"({"prompt":"x","max_tokens":2})").status, 200);
  const Outcome run = Call({"run", "-m", bare, "-p", "x", "--chat", "--max-tokens", "2"});
  EXPECT_EQ(run.code, 1);
  EXPECT_NE(run.errors.find("the tokenizer has no token"), std::string::npos) << run.errors;
}

}  // namespace
}  // namespace hadal::cli
