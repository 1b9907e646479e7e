// Prefixes as clients see them: what usage says, that texts are the same, who sees whose.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "base/clock.h"
#include "server/prefix_watch.h"
#include "server/test_server_test.h"
#include "testing/temp_folder.h"

namespace hadal::server {
namespace {

std::int64_t Count(const Json& json, std::initializer_list<const char*> keys) {
  const Json* at = &json;
  for (const char* key : keys)
    if ((at = at->Find(key)) == nullptr) return -1;
  return at->AsInt() == nullptr ? -1 : *at->AsInt();
}

const std::string kStory =
    "Once upon a time a fox lived in the woods, and every morning he walked to the river to look "
    "for something to eat, but the river was frozen and the birds had gone away to the south. "
    "One day he met a bear who slept under a tree, and he asked the bear for a little honey.";

std::string Chat(const std::string& first, const std::string& more = {}) {
  return R"({"seed":3,"max_tokens":12,"ignore_eos":true,"messages":[{"role":"user","content":")" +
         first + "\"}" + more + "]}";
}
std::string Turns(const std::string& answer, const std::string& next) {
  return R"(,{"role":"assistant","content":")" + answer + R"("},{"role":"user","content":")" +
         next + "\"}";
}

struct Asked {
  std::string text;
  std::int64_t prompt = 0, cached = 0;
};
Asked AskChat(const TestServer& server, const std::string& body, const std::string& headers = {}) {
  const Reply reply = server.Post("/v1/chat/completions", body, headers);
  EXPECT_EQ(reply.status, 200) << reply.body;
  const Json json = reply.json();
  const Json* choices = json.Find("choices");
  if (choices == nullptr) return {};
  const Json& message = *choices->AsArray()->at(0).Find("message");
  return {*message.Find("content")->AsString(), Count(json, {"usage", "prompt_tokens"}),
          Count(json, {"usage", "prompt_tokens_details", "cached_tokens"})};
}

TEST(Prefixes, AConversationReadsWhatIsNew) {
  ServerOptions off = TestServer::Options();
  off.engine.keep_prefixes = false;
  const TestServer server, plain(off);
  const Asked first = AskChat(server, Chat(kStory));
  EXPECT_EQ(first.cached, 0);
  const Asked again = AskChat(server, Chat(kStory));
  EXPECT_EQ(again.cached, first.prompt - 1);
  const std::string second = Chat(kStory, Turns("He ate well.", "What did the bear say?"));
  const Asked next = AskChat(server, second);
  EXPECT_GE(next.cached, first.prompt - 1);
  EXPECT_LT(next.cached, next.prompt);
  const Asked alone = AskChat(plain, Chat(kStory)), alone_next = AskChat(plain, second);
  EXPECT_EQ(first.text, alone.text);
  EXPECT_EQ(again.text, alone.text);
  EXPECT_EQ(next.text, alone_next.text);
  EXPECT_EQ(alone.cached + alone_next.cached, 0);

  // The story was read once for all APIs.
  const std::string said = R"("messages":[{"role":"user","content":")" + kStory + "\"}]";
  const Json message = server.Post("/v1/messages", "{\"max_tokens\":4," + said + "}").json();
  EXPECT_EQ(Count(message, {"usage", "cache_read_input_tokens"}), first.prompt - 1);
  EXPECT_EQ(Count(message, {"usage", "input_tokens"}), 1);
  const Json response =
      server.Post("/v1/responses", R"({"max_output_tokens":4,"input":")" + kStory + "\"}").json();
  EXPECT_EQ(Count(response, {"usage", "input_tokens_details", "cached_tokens"}), first.prompt - 1);

  const std::string metrics = server.Get("/metrics").body;
  EXPECT_NE(metrics.find("prefix_cache_misses_total{model_name=\"embedded\",engine=\"0\","
                         "reason=\"new\"} 1\n"),
            std::string::npos)
      << metrics;
  EXPECT_NE(metrics.find("reason=\"differs\"} 1\n"), std::string::npos);
  EXPECT_NE(metrics.find("reason=\"none\"} 3\n"), std::string::npos);
  EXPECT_EQ(metrics.find("prefix_cache_hits_total{model_name=\"embedded\",engine=\"0\"} 0\n"),
            std::string::npos);
  const Json status = server.Get("/hadal/status").json();
  EXPECT_EQ(Count(status, {"memory", "kv", "prefixes", "hits"}), 4);
}

// A conversation that comes whole, as an agent sends it or a client behind a restart, has states
// where its turns end: edited in the middle it is read from there.
TEST(Prefixes, AWholeConversationThatIsEditedIsReadFromTheEdit) {
  const auto conversation = [](int turns, int edited) {
    std::string more;
    for (int turn = 2; turn <= turns; ++turn)
      more += Turns(fmt::format("He said {}.", turn),
                    fmt::format("{} {}{}", turn == edited ? "No." : "And then?", turn,
                                kStory + kStory + kStory + kStory));
    return Chat(kStory + kStory + kStory + kStory, more);
  };
  ServerOptions on = TestServer::Options();
  on.model.context = 4096;
  ServerOptions off = on;
  off.engine.keep_prefixes = false;
  const TestServer server(on), plain(off);
  const std::int64_t until_fourth = AskChat(plain, conversation(4, 0)).prompt;
  const Asked whole = AskChat(server, conversation(10, 0));
  EXPECT_EQ(whole.cached, 0);
  const Asked edited = AskChat(server, conversation(10, 5));
  EXPECT_EQ(edited.cached, until_fourth);
  EXPECT_GT(edited.prompt, 2 * until_fourth);
  EXPECT_EQ(whole.text, AskChat(plain, conversation(10, 0)).text);
  EXPECT_EQ(edited.text, AskChat(plain, conversation(10, 5)).text);
}

// A server that ends and one that begins; the texts are those of one that keeps nothing.
TEST(Prefixes, AConversationGoesOnBehindARestart) {
  const testing::TempFolder folder;
  ServerOptions off = TestServer::Options(), options = off;
  off.engine.keep_prefixes = false;
  options.engine.disk.folder = folder.File("states");
  const std::string story = kStory + " " + kStory;
  const std::string second = Chat(story, Turns("He ate well.", "What did the bear say?"));
  Asked first;
  {
    const TestServer server(options);
    first = AskChat(server, Chat(story));
    EXPECT_EQ(first.cached, 0);
  }
  const TestServer server(options), plain(off);
  const Asked next = AskChat(server, second);
  EXPECT_GE(next.cached, first.prompt - 1);
  EXPECT_LT(next.cached, next.prompt);
  EXPECT_EQ(first.text, AskChat(plain, Chat(story)).text);
  EXPECT_EQ(next.text, AskChat(plain, second).text);
  const std::string metrics = server.Get("/metrics").body;
  EXPECT_NE(
      metrics.find("disk_cache_restored_states_total{model_name=\"embedded\",engine=\"0\"} 1\n"),
      std::string::npos)
      << metrics;
  const auto outcome = [&](const std::string& name, int count) {
    return metrics.find(
               fmt::format("disk_cache_lookups_total{{model_name=\"embedded\",engine=\"0\","
                           "outcome=\"{}\"}} {}\n",
                           name, count)) != std::string::npos;
  };
  EXPECT_TRUE(outcome("restored", 1)) << metrics;
  EXPECT_TRUE(outcome("nothing", 0)) << metrics;
}

// What is written behind the last request is told without another.
TEST(Prefixes, WhatWasWrittenIsToldWhileNobodyAsks) {
  const testing::TempFolder folder;
  ServerOptions options = TestServer::Options();
  options.engine.disk.folder = folder.File("states");
  const TestServer server(options);
  AskChat(server, Chat(kStory + " " + kStory));
  const auto written = [&] {
    return server.Get("/metrics")
               .body.find(
                   "disk_cache_written_states_total{model_name=\"embedded\",engine=\"0\"} 2\n") !=
           std::string::npos;
  };
  const Stopwatch clock;
  while (!written() && clock.seconds() < 30)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_TRUE(written()) << server.Get("/metrics").body;
}

// Nothing is made, and no weight read for its digest.
TEST(Prefixes, OffThereIsNoFolder) {
  const testing::TempFolder folder;
  ServerOptions options = TestServer::Options();
  options.engine.keep_prefixes = false;
  options.engine.disk.folder = folder.File("states");
  bool read = false;
  options.engine.disk.on_reading = [&](std::uint64_t, std::uint64_t) { read = true; };
  const TestServer server(options);
  EXPECT_EQ(AskChat(server, Chat(kStory)).cached, 0);
  EXPECT_FALSE(std::filesystem::exists(folder.File("states")));
  EXPECT_FALSE(read);
}

TEST(Prefixes, KeysMayBeKeptApart) {
  ServerOptions options = TestServer::Options();
  options.api_keys = {"one-key-of-enough-letters", "another-key-of-enough-letters"};
  const std::string one = "x-api-key: one-key-of-enough-letters\r\n",
                    other = "x-api-key: another-key-of-enough-letters\r\n";
  for (const bool apart : {false, true}) {
    options.limits.prefixes_by_key = apart;
    const TestServer server(options);
    const Asked first = AskChat(server, Chat(kStory), one);
    EXPECT_EQ(AskChat(server, Chat(kStory), other).cached, apart ? 0 : first.prompt - 1);
    EXPECT_EQ(AskChat(server, Chat(kStory), one).cached, first.prompt - 1);
  }
}

// Who asked to be kept apart is not told so by silence.
TEST(Prefixes, WithoutKeysNobodyIsKeptApart) {
  ServerOptions options = TestServer::Options();
  options.limits.prefixes_by_key = true;
  const auto server = Server::Open(options);
  ASSERT_FALSE(server.ok());
  EXPECT_NE(server.error().what.find("--cache-scope key: there is no key"), std::string::npos)
      << server.error().what;
}

// A request that was promised all the memory that there is for requests keeps its prefix too.
TEST(Prefixes, OneRequestAtATimeHasThemToo) {
  ServerOptions options = TestServer::Options();
  options.engine.parallel = 1;
  options.engine.prefix_bytes = std::uint64_t{1} << 20;
  const TestServer server(options);
  const std::string all_room = R"({"ignore_eos":true,"messages":[{"role":"user","content":")" +
                               kStory + R"("}],"stop":["a"],"min_tokens":1})";
  const Asked first = AskChat(server, all_room);
  EXPECT_EQ(AskChat(server, all_room).cached, first.prompt - 1);
}

TEST(PrefixWatch, WarnsOfWhatNeverHits) {
  PrefixWatch watch;
  cache::PrefixUse lost{
      .asked = true, .tokens = 3000, .known = 2000, .miss = cache::PrefixMiss::kDropped};
  cache::PrefixUse early{.asked = true, .tokens = 3000, .cached = 20, .known = 37};
  const cache::PrefixUse good{.asked = true, .tokens = 3000, .cached = 1900, .known = 2000};
  for (std::size_t i = 1; i < PrefixWatch::kInARow; ++i) EXPECT_FALSE(watch.Saw(lost));
  EXPECT_FALSE(watch.Saw(good));
  for (std::size_t i = 1; i < PrefixWatch::kInARow; ++i) EXPECT_FALSE(watch.Saw(lost));
  const auto warning = watch.Saw(lost);
  ASSERT_TRUE(warning);
  EXPECT_NE(warning->find("2000 of 3000 tokens known, dropped"), std::string::npos) << *warning;
  for (std::size_t i = 1; i < PrefixWatch::kInARow; ++i) EXPECT_FALSE(watch.Saw(early));
  const auto nonce = watch.Saw(early);
  ASSERT_TRUE(nonce);
  EXPECT_NE(nonce->find("token 37 of 3000"), std::string::npos) << *nonce;
  EXPECT_FALSE(watch.Saw({}));
}

}  // namespace
}  // namespace hadal::server
