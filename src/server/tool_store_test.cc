// Calls that outlive the memory they were kept in.
#include "server/tool_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "io/file.h"
#include "server/tool_memory.h"
#include "testing/temp_folder.h"

namespace hadal::server {
namespace {

Answer CallingAnswer(const std::string& id, std::size_t tokens = 3) {
  Answer answer{.reasoning = "why\n\u00E9",
                .content = "a \"quote\"",
                .calls = {{id, "f", R"({"a": 1})"}, {id + "-b", "g", "{}"}},
                .finish = Finish::kToolCalls};
  answer.end.reason = engine::FinishReason::kEos;
  answer.end.tokens.assign(tokens, 70'000);
  return answer;
}

class ToolStoreTest : public ::testing::Test {
 protected:
  // A memory that has forgotten everything but what is on disk.
  std::unique_ptr<ToolMemory> Fresh(const std::string& model = "m",
                                    std::size_t max_bytes = 1 << 20) {
    std::string note;
    auto store = ToolStore::Open(folder_.File("cache"), {model, 100'000}, max_bytes, &note);
    EXPECT_TRUE(store.ok()) << store.error().what;
    EXPECT_EQ(note, "");
    auto memory = std::make_unique<ToolMemory>();
    memory->KeepIn(std::move(*store));
    return memory;
  }
  static chat::Message Restored(ToolMemory& memory, const std::string& id,
                                std::uint64_t owner = 1) {
    std::vector<chat::Message> messages = {
        {.role = chat::Role::kAssistant,
         .content = "a \"quote\"",
         .tool_calls = {{id, "f", R"({"a":1})"}, {id + "-b", "g", "{}"}}}};
    memory.Restore(owner, &messages);
    return messages[0];
  }

  testing::TempFolder folder_;
};

TEST_F(ToolStoreTest, CallsOutliveTheServer) {
  Fresh()->Remember(1, CallingAnswer("c1"), true);
  const auto memory = Fresh();
  const chat::Message message = Restored(*memory, "c1");
  EXPECT_EQ(message.sampled, (std::vector<std::int32_t>(3, 70'000)));
  EXPECT_EQ(message.reasoning, "why\n\u00E9");
  EXPECT_TRUE(message.sampled_thinking);
  EXPECT_GT(memory->bytes(), 0u);  // from now on in memory too
  struct stat info {};
  ASSERT_EQ(::stat(folder_.File("cache").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);  // for its owner's eyes alone
}

TEST_F(ToolStoreTest, OthersDoNotGetThem) {
  Fresh()->Remember(1, CallingAnswer("c1"), true);
  EXPECT_TRUE(Restored(*Fresh(), "c1", 2).sampled.empty());         // another key or conversation
  EXPECT_TRUE(Restored(*Fresh("other"), "c1").sampled.empty());     // another model
  EXPECT_TRUE(Restored(*Fresh(), "c1\" OR 1 --").sampled.empty());  // no SQL from clients
  EXPECT_FALSE(Restored(*Fresh(), "c1").sampled.empty());
}

TEST_F(ToolStoreTest, TheLongestUnusedAreForgotten) {
  {
    const auto memory = Fresh("m", 40'000);
    for (int i = 0; i < 20; ++i) {
      memory->Remember(1, CallingAnswer("c" + std::to_string(i), 1000), true);
      Restored(*Fresh("m", 40'000), "c0");  // and so is used
    }
  }
  EXPECT_FALSE(Restored(*Fresh(), "c0").sampled.empty());
  EXPECT_TRUE(Restored(*Fresh(), "c1").sampled.empty());
  EXPECT_FALSE(Restored(*Fresh(), "c19").sampled.empty());
  EXPECT_LT(io::ReadFile(folder_.File("cache/tools.db"))->size(), 150'000u);
  EXPECT_TRUE(Restored(*Fresh("m", 10), "c19").sampled.empty());  // a smaller bound, at once
}

// Memory is bounded also where it is filled from the disk.
TEST_F(ToolStoreTest, WhatComesBackCounts) {
  for (int i = 0; i < 20; ++i)
    Fresh()->Remember(1, CallingAnswer(fmt::format("c{}", i), 1000), true);
  std::string note;
  ToolMemory memory(20'000);
  memory.KeepIn(ToolStore::Open(folder_.File("cache"), {"m", 100'000}, 1 << 20, &note).value());
  for (int i = 0; i < 20; ++i)
    EXPECT_FALSE(Restored(memory, fmt::format("c{}", i)).sampled.empty()) << i;
  EXPECT_LE(memory.bytes(), 20'000u);
}

TEST_F(ToolStoreTest, OwnersAreKeysAndFirstMessages) {
  const auto owner = [](std::uint64_t scope, const char* first) {
    return CallsOwner(scope, {{.role = chat::Role::kSystem, .content = "s"},
                              {.role = chat::Role::kUser, .content = first},
                              {.role = chat::Role::kUser, .content = "more"}});
  };
  EXPECT_EQ(owner(1, "a"), owner(1, "a"));
  EXPECT_NE(owner(1, "a"), owner(2, "a"));
  EXPECT_NE(owner(1, "a"), owner(1, "b"));
  EXPECT_EQ(CallsOwner(1, {{.role = chat::Role::kUser, .content = "a"}}), owner(1, "a"));
}

TEST_F(ToolStoreTest, WhatADiskHoldsIsNotTrusted) {
  EXPECT_TRUE(ParseToolTurn(
      ToolTurnJson({.reasoning = "r", .content = "", .calls = {}, .tokens = {1}, .thinking = false})
          .Dump(),
      2));
  for (const char* text : {"", "[]", "{}", R"({"reasoning":"","content":"","calls":[{}],"tokens":[],
      "thinking":true})",
                           R"({"reasoning":"","content":"","calls":[],"tokens":["1"],
      "thinking":true})",
                           R"({"reasoning":"","content":"","calls":[],"tokens":[2],
      "thinking":true})",
                           R"({"reasoning":"","content":"","calls":[],"tokens":[-1],
      "thinking":true})"})
    EXPECT_FALSE(ParseToolTurn(text, 2)) << text;
}

// What is no turn of this model's is forgotten when it is met, and not given out.
TEST_F(ToolStoreTest, ARowThatIsWrongIsForgotten) {
  std::string note;
  const auto open = [&](std::size_t vocab_size) {
    return ToolStore::Open(folder_.File("cache"), {"m", vocab_size}, 1 << 20, &note).value();
  };
  open(100'000)->Keep(1, {.calls = {{"c1", "f", "{}"}}, .tokens = {99'999}});
  EXPECT_TRUE(open(100'000)->Find(1, "c1").has_value());
  const auto smaller = open(99'999);
  EXPECT_GT(smaller->bytes(), 0u);
  EXPECT_FALSE(smaller->Find(1, "c1").has_value());
  EXPECT_EQ(smaller->bytes(), 0u);
  EXPECT_FALSE(open(100'000)->Find(1, "c1").has_value());
}

TEST_F(ToolStoreTest, ServersOverOneFolderKeepToOneBound) {
  constexpr std::size_t kMost = 30'000;
  std::string note;
  std::vector<std::unique_ptr<ToolStore>> stores;
  for (int i = 0; i < 3; ++i)
    stores.push_back(ToolStore::Open(folder_.File("cache"), {"m", 100'000}, kMost, &note).value());
  for (int i = 0; i < 30; ++i) {
    ToolTurn turn{.calls = {{fmt::format("c{}", i), "f", "{}"}}, .tokens = {}};
    turn.tokens.assign(500, 70'000);
    stores[static_cast<std::size_t>(i) % 3]->Keep(1, turn);
    // What one who comes now counts.
    EXPECT_LE(
        ToolStore::Open(folder_.File("cache"), {"m", 100'000}, 1 << 20, &note).value()->bytes(),
        kMost)
        << i;
  }
}

}  // namespace
}  // namespace hadal::server
