#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "arch/config.h"
#include "base/json.h"
#include "cli/call_test.h"
#include "io/file.h"
#include "testing/source_file.h"
#include "testing/temp_folder.h"

namespace hadal::cli {
namespace {

namespace fs = std::filesystem;

// A copy of the embedded model that a test may change.
class RunTest : public ::testing::Test {
 protected:
  RunTest() {
    for (const char* name :
         {"config.json", "generation_config.json", "tokenizer.json", "model.safetensors"})
      fs::copy_file(testing::EmbeddedFolder() + "/" + name, folder_.File(name));
  }

  void Set(const char* file, const char* key, Json value) {
    Json json = ParseJson(io::ReadFile(folder_.File(file)).value()).value();
    json.Set(key, std::move(value));
    ASSERT_TRUE(io::WriteFile(folder_.File(file), json.Dump()).ok());
  }
  // NaN in the first two bytes of a row of a BF16 matrix of `width`.
  void Damage(const char* tensor, std::size_t row, std::size_t width) {
    std::string bytes = io::ReadFile(folder_.File("model.safetensors")).value();
    std::uint64_t header = 0;
    std::memcpy(&header, bytes.data(), sizeof(header));
    const Json json = ParseJson(std::string_view(bytes).substr(8, header)).value();
    const Json* at = json.Find(tensor)->Find("data_offsets");
    const std::size_t begin = 8 + header + *(*at->AsArray())[0].AsUnsigned() + 2 * width * row;
    bytes[begin] = '\xC0';
    bytes[begin + 1] = '\x7F';
    ASSERT_TRUE(io::WriteFile(folder_.File("model.safetensors"), bytes).ok());
  }
  Outcome Run(std::vector<std::string> flags) {
    std::vector<std::string> arguments = {"run", "-m", folder_.path(), "-p", "Once upon a time"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return Call(arguments);
  }

  testing::TempFolder folder_;
};

TEST(Run, ASnapshotReplacesASnapshotAlone) {
  const testing::TempFolder folder;
  const std::string path = folder.File("book.txt");
  ASSERT_TRUE(io::WriteFile(path, "a book").ok());
  std::vector<std::string> run = {
      "run", "-m", testing::EmbeddedFolder(), "-f", path, "--max-tokens", "2", "--snapshot", path};
  const Outcome refused = Call(run);
  EXPECT_EQ(refused.code, 1);
  EXPECT_EQ(refused.errors, "hadal: " + path +
                                ": found a file that is not a snapshot, expected nothing or a "
                                "snapshot; --force replaces it\n");
  EXPECT_EQ(io::ReadFile(path).value(), "a book");
  run[4] = testing::EmbeddedFolder() + "/config.json";
  run.emplace_back("--prompt-tokens");
  run.emplace_back("4");
  std::vector<std::string> forced = run;
  forced.emplace_back("--force");
  for (const std::vector<std::string>& call : {forced, run}) {
    const Outcome done = Call(call);
    EXPECT_EQ(done.code, 0) << done.errors;
  }
  const Outcome resumed =
      Call({"run", "-m", testing::EmbeddedFolder(), "--resume", path, "--max-tokens", "4"});
  EXPECT_EQ(resumed.code, 0) << resumed.errors;
}

TEST(Run, SaysWhereAPromptIsNoText) {
  const testing::TempFolder folder;
  const std::string path = folder.File("latin1.txt");
  ASSERT_TRUE(io::WriteFile(path, "caf\xE9 noir").ok());
  const std::string note =
      "hadal: " + path + ": byte 3 is not UTF-8; what is not is read as U+FFFD\n";
  const Outcome run =
      Call({"run", "-m", testing::EmbeddedFolder(), "-f", path, "--max-tokens", "1"});
  EXPECT_EQ(run.code, 0);
  EXPECT_NE(run.errors.find(note), std::string::npos) << run.errors;
  const Outcome ids = Call({"tokenize", "-m", testing::EmbeddedFolder(), "-f", path});
  EXPECT_EQ(ids.code, 0);
  EXPECT_EQ(ids.errors, note);
  const Outcome measured =
      Call({"eval", "perplexity", "-m", testing::EmbeddedFolder(), "-f", path});
  EXPECT_EQ(measured.code, 1);
  EXPECT_EQ(measured.errors,
            "hadal: " + path + ": byte 3 is not UTF-8; only text can be measured\n");
}

TEST(Run, ASnapshotSaysThatItsTextWasBound) {
  const testing::TempFolder folder;
  const std::string path = folder.File("s");
  const std::string model = testing::EmbeddedFolder();
  ASSERT_EQ(Call({"run", "-m", model, "-p", "A", "--json-object", "--max-tokens", "3", "--snapshot",
                  path})
                .code,
            0);
  const char* const note = "its text was bound to JSON";
  const auto go_on = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"run", "-m", model, "--resume", path, "--max-tokens", "6"});
    return Call(flags).errors;
  };
  EXPECT_NE(go_on({}).find(note), std::string::npos);
  EXPECT_EQ(go_on({"--json-object"}).find(note), std::string::npos);
}

TEST(Run, SaysWhatItTook) {
  const Outcome done =
      Call({"run", "-m", testing::EmbeddedFolder(), "-p", "Once upon a time", "--max-tokens", "3",
            "--ignore-eos", "--seed", "18446744073709551615", "--threads", "2", "--json"});
  ASSERT_EQ(done.code, 0) << done.errors;
  const Json json = ParseJson(done.out).value();
  const Json* stats = json.Find("stats");
  ASSERT_NE(stats, nullptr);
  EXPECT_EQ(stats->Find("seed")->AsUnsigned(), 18446744073709551615u);
  EXPECT_EQ(*stats->Find("threads")->AsInt(), 2);
  EXPECT_EQ(*stats->Find("read_tokens")->AsInt(), *stats->Find("prompt_tokens")->AsInt());
  for (const char* key : {"prefill_seconds", "decode_seconds", "prefill_tokens_per_s",
                          "decode_tokens_per_s", "rss_peak_bytes"})
    EXPECT_GT(*stats->Find(key)->AsNumber(), 0) << key;
}

TEST(Run, SaysWhatTheWholeContextTakesAndV32Would) {
  const Outcome done =
      Call({"run", "-m", testing::EmbeddedFolder(), "-p", "Once", "--max-tokens", "1", "--json"});
  ASSERT_EQ(done.code, 0) << done.errors;
  const Json json = ParseJson(done.out).value();
  const Json& whole = *json.Find("stats")->Find("whole_context");
  const std::string text = io::ReadFile(testing::EmbeddedFolder() + "/config.json").value();
  const arch::Config config = arch::ParseConfig(ParseJson(text).value()).value();
  EXPECT_EQ(*whole.Find("tokens")->AsUnsigned(), config.max_position_embeddings);
  // Entries of head_dim (FP8 but for the rotary part) and keys of index_head_dim (FP4) at least.
  const std::uint64_t least = config.head_dim + config.index_head_dim / 2;
  const std::uint64_t as_v32 = *whole.Find("state_bytes_as_v32")->AsUnsigned();
  EXPECT_GT(as_v32, config.max_position_embeddings * config.num_hidden_layers * least);
  EXPECT_LT(as_v32, config.max_position_embeddings * config.num_hidden_layers * 2 * least);
  EXPECT_GT(as_v32, 4 * *whole.Find("state_bytes")->AsUnsigned());

  const std::string stats =
      Call({"run", "-m", testing::EmbeddedFolder(), "-p", "Once", "--max-tokens", "1", "--stats"})
          .errors;
  for (const char* part : {"model", "embedded", "the whole context", "in V3.2's form"})
    EXPECT_NE(stats.find(part), std::string::npos) << part;
}

TEST(Run, GuessesChangeSpeedAlone) {
  const auto run = [](const char* mode) {
    const Outcome done =
        Call({"run", "-m", testing::EmbeddedFolder(), "-p", "Once upon a time", "--max-tokens",
              "24", "--ignore-eos", "--seed", "5", "--json", "--speculate", mode});
    EXPECT_EQ(done.code, 0) << done.errors;
    return ParseJson(done.out).value();
  };
  const Json off = run("off");
  EXPECT_EQ(*off.Find("stats")->Find("drafts")->Find("tried")->AsInt(), 0);
  for (const char* mode : {"ngram", "mtp", "auto"})
    EXPECT_EQ(*run(mode).Find("text")->AsString(), *off.Find("text")->AsString()) << mode;
  const Json mtp = run("mtp");
  const Json& drafts = *mtp.Find("stats")->Find("drafts");
  EXPECT_GT(*drafts.Find("tried")->AsInt(), 0);
  EXPECT_EQ(drafts.Find("tried_by_place")->AsArray()->size(), 1u);
  const Outcome stats =
      Call({"run", "-m", testing::EmbeddedFolder(), "-p", "Once upon a time", "--max-tokens", "24",
            "--speculate", "mtp", "--draft-depth", "2", "--stats"});
  EXPECT_NE(stats.errors.find("guesses right"), std::string::npos) << stats.errors;
  EXPECT_EQ(Call({"run", "-p", "x", "--speculate", "always"}).code, 2);
  EXPECT_EQ(Call({"run", "-p", "x", "--draft-depth", "17"}).code, 2);
}

TEST(Run, ReadsControlTokensOnlyIfAsked) {
  const auto prompt_tokens = [](std::vector<std::string> flags) {
    std::vector<std::string> arguments = {
        "run", "-m",    testing::EmbeddedFolder(), "-p", "<\uFF5CUser\uFF5C>Hi", "--max-tokens",
        "1",   "--json"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Json json = ParseJson(Call(arguments).out).value();
    return *json.Find("stats")->Find("prompt_tokens")->AsInt();
  };
  EXPECT_EQ(prompt_tokens({"--special"}), 1 + 1 + 2);  // BOS, the role, "H" and "i"
  EXPECT_GT(prompt_tokens({}), 6);
}

// The publisher's files say what ends a text and how it is drawn.
TEST_F(RunTest, TheModelsOwnDefaultsCount) {
  const std::string greedy = Run({"--max-tokens", "12", "--temperature", "0"}).out;
  Set("generation_config.json", "do_sample", false);
  EXPECT_EQ(Run({"--max-tokens", "12"}).out, greedy);
  EXPECT_NE(Run({"--max-tokens", "12", "--temperature", "5", "--top-p", "1"}).out, greedy);
  Set("generation_config.json", "do_sample", true);
  Set("generation_config.json", "temperature", 5.0);
  Set("generation_config.json", "top_k", 1);
  EXPECT_EQ(Run({"--max-tokens", "12"}).out, greedy);
  EXPECT_NE(Run({"--max-tokens", "12", "--top-k", "0"}).out, greedy);
  Set("generation_config.json", "num_beams", 4);
  EXPECT_EQ(Run({"--max-tokens", "1"}).errors,
            "hadal: generation_config.json: passed over: num_beams 4\n");
}

TEST_F(RunTest, EosOfBothFilesEndsAText) {
  // Hot, so that tokens differ, and without the model's own EOS.
  const auto run = [this](std::vector<std::string> more) {
    std::vector<std::string> flags = {"--max-tokens", "12",    "--temperature", "2",
                                      "--top-p",      "1",     "--seed",        "5",
                                      "--logit-bias", "1=-100"};
    flags.insert(flags.end(), more.begin(), more.end());
    return Run(flags).out;
  };
  const std::string whole = run({});
  const Json json = ParseJson(run({"--json", "--logprobs", "0"})).value();
  const Json::Array& tokens = *json.Find("logprobs")->AsArray();
  ASSERT_EQ(tokens.size(), 12u);
  const auto id = [&](std::size_t i) { return *tokens[i].Find("id")->AsInt(); };
  std::size_t at = 1;  // the first that is not the one in front of all
  while (at < tokens.size() && id(at) == id(0)) ++at;
  ASSERT_LT(at, tokens.size()) << whole;
  std::string cut;
  for (std::size_t i = 0; i < at; ++i) cut += *tokens[i].Find("text")->AsString();
  cut += "\n";
  ASSERT_NE(cut, whole);
  Set("generation_config.json", "eos_token_id", Json::Array{1, id(at)});
  EXPECT_EQ(run({}), cut);
  EXPECT_EQ(run({"--ignore-eos"}), whole);
  Set("generation_config.json", "eos_token_id", nullptr);
  EXPECT_EQ(run({}), whole);
  EXPECT_EQ(run({"--stop-id", std::to_string(id(at))}), cut);
  Set("config.json", "eos_token_id", Json::Array{id(at)});
  EXPECT_EQ(run({}), cut);
}

TEST_F(RunTest, LogprobsAreThoseOfTheTokensDrawn) {
  const std::vector<std::string> flags = {"--max-tokens", "4", "--temperature", "0",
                                          "--logprobs",   "3", "--json"};
  const Json json = ParseJson(Run(flags).out).value();
  const Json* logprobs = json.Find("logprobs");
  ASSERT_NE(logprobs, nullptr);
  ASSERT_EQ(logprobs->AsArray()->size(), 4u);
  std::string text;
  for (const Json& token : *logprobs->AsArray()) {
    text += *token.Find("text")->AsString();
    const Json::Array& top = *token.Find("top")->AsArray();
    ASSERT_EQ(top.size(), 3u);
    EXPECT_EQ(*top[0].Find("id")->AsInt(), *token.Find("id")->AsInt());  // greedy
    EXPECT_EQ(*top[0].Find("logprob")->AsNumber(), *token.Find("logprob")->AsNumber());
    EXPECT_GT(*top[0].Find("logprob")->AsNumber(), *top[1].Find("logprob")->AsNumber());
    EXPECT_LT(*top[0].Find("logprob")->AsNumber(), 0);
  }
  EXPECT_EQ(text, *json.Find("text")->AsString());
  EXPECT_EQ(ParseJson(Run({"--max-tokens", "1", "--json"}).out)->Find("logprobs"), nullptr);
}

TEST_F(RunTest, ABiasDecidesWhichTokensCome) {
  const auto ids = [this](std::vector<std::string> bias) {
    std::vector<std::string> flags = {"--max-tokens", "12", "--temperature", "0",     "--json",
                                      "--logprobs",   "0",  "--logit-bias",  "1=-100"};
    flags.insert(flags.end(), bias.begin(), bias.end());
    std::vector<std::int64_t> list;
    const Json json = ParseJson(Run(flags).out).value();
    for (const Json& token : *json.Find("logprobs")->AsArray())
      list.push_back(*token.Find("id")->AsInt());
    return list;
  };
  const std::int64_t some = ids({}).at(0);
  const std::string its = std::to_string(some);
  EXPECT_EQ(std::ranges::count(ids({"--logit-bias", its + "=-100"}), some), 0);
  const std::int64_t other = some == 5 ? 6 : 5;
  const std::vector<std::string> both = {"--logit-bias", its + "=-100", "--logit-bias",
                                         std::to_string(other) + "=100"};
  EXPECT_EQ(std::ranges::count(ids(both), other), 12);
  const Outcome outside = Run({"--logit-bias", "100000=1"});
  EXPECT_EQ(outside.code, 1);
  EXPECT_NE(outside.errors.find("logit bias: found 100000, but the model's vocabulary has"),
            std::string::npos)
      << outside.errors;
}

TEST_F(RunTest, NumbersThatAreNoneEndItAndAreNotSaved) {
  Damage("head.weight", 5, 256);
  for (const char* temperature : {"0", "0.7"}) {
    const Outcome done = Run(
        {"--max-tokens", "6", "--temperature", temperature, "--snapshot", folder_.File("snap")});
    EXPECT_EQ(done.code, 1);
    EXPECT_EQ(done.errors, "hadal: position 4: the logit of token 5 is nan\n");
    EXPECT_FALSE(fs::exists(folder_.File("snap")));
  }
  ASSERT_TRUE(io::WriteFile(folder_.File("text"), "Once upon a time").ok());
  const Outcome scored =
      Call({"eval", "perplexity", "-m", folder_.path(), "-f", folder_.File("text")});
  EXPECT_EQ(scored.code, 1);
  EXPECT_NE(scored.errors.find("position 0: the logit of token 5 is nan"), std::string::npos)
      << scored.errors;
  const Outcome asked = Call({"eval", "needle", "-m", folder_.path(), "--lengths", "512",
                              "--depths", "1", "--trials", "1"});
  EXPECT_EQ(asked.code, 1);
  EXPECT_NE(asked.errors.find("the logit of token 5 is nan"), std::string::npos) << asked.errors;
}

TEST_F(RunTest, NumbersThatAreNoneAreFoundWhereTheyArise) {
  Damage("embed.weight", 0, 256);  // BOS
  const Outcome done = Run({"--max-tokens", "6", "--prompt-tokens", "1"});
  EXPECT_EQ(done.code, 1);
  EXPECT_EQ(done.errors,
            "hadal: position 0: not a finite number in the token's embedding; the weights are "
            "damaged\n");
}

TEST(RunChat, TheEndOfALineIsNoPartOfAQuestion) {
  const testing::TempFolder folder;
  ASSERT_TRUE(io::WriteFile(folder.File("question"), "Who are you?\r\n").ok());
  std::vector<std::string> call = {
      "run", "-m",          testing::EmbeddedFolder(), "--chat", "--max-tokens", "9", "--seed", "1",
      "-p",  "Who are you?"};
  const Outcome given = Call(call);
  ASSERT_EQ(given.code, 0) << given.errors;
  call[8] = "-f";
  call[9] = folder.File("question");
  EXPECT_EQ(Call(call).out, given.out);
}

TEST(RunChat, EchoShowsTheQuestion) {
  std::vector<std::string> call = {
      "run", "-m",          testing::EmbeddedFolder(), "--chat", "--max-tokens", "9", "--seed", "1",
      "-p",  "Who are you?"};
  const Outcome plain = Call(call);
  call.push_back("--echo");
  EXPECT_EQ(Call(call).out, "Who are you?\n\n" + plain.out);
  call.push_back("--json");  // whose text is the answer
  EXPECT_EQ(*ParseJson(Call(call).out).value().Find("text")->AsString() + "\n", plain.out);
}

// A model that goes on with the next turn, here because it must, has ended its own.
TEST(RunChat, AnothersTurnIsNoPartOfTheAnswer) {
  const Json tokenizer =
      ParseJson(io::ReadFile(testing::EmbeddedFolder() + "/tokenizer.json").value()).value();
  std::string user;
  for (const Json& token : *tokenizer.Find("added_tokens")->AsArray())
    if (*token.Find("content")->AsString() == "<\uFF5CUser\uFF5C>") user = token.Find("id")->Dump();
  ASSERT_NE(user, "");
  const Outcome outcome =
      Call({"run", "-m", testing::EmbeddedFolder(), "--chat", "-p", "Who?", "--max-tokens", "9",
            "--temperature", "0", "--logit-bias", user + "=100", "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.errors;
  EXPECT_EQ(ParseJson(outcome.out).value().Find("text")->Dump(), "\"\"") << outcome.out;
}

}  // namespace
}  // namespace hadal::cli
