// `hadal cache` on a folder with states of two texts.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/json.h"
#include "cache/stored_texts_test.h"
#include "cli/call_test.h"
#include "server/tool_store.h"

namespace hadal::cli {
namespace {

class CacheCommand : public ::testing::Test {
 protected:
  CacheCommand() {
    cache::StoredTexts texts(path_);
    cache::Tokens text(1500, 7);
    HADAL_CHECK(texts.Write(text).ok());
    text.resize(1600, 8);
    HADAL_CHECK(texts.Write(text).ok());
    const std::vector<cache::Segment> all = texts.store().All().value();
    for (const cache::Segment& segment : all) files_.push_back(texts.store().PathOf(segment.name));
  }
  testing::TempFolder folder_;
  const std::string path_ = folder_.File("c");
  std::vector<std::string> files_;
};

TEST_F(CacheCommand, SaysWhatThereIs) {
  const Outcome list = Call({"cache", "ls", path_});
  EXPECT_EQ(list.code, 0) << list.errors;
  EXPECT_NE(list.out.find("1,500"), std::string::npos) << list.out;
  EXPECT_NE(list.out.find("1,600"), std::string::npos);
  const Json states = ParseJson(Call({"cache", "ls", "--json", path_}).out).value();
  EXPECT_EQ(states.AsArray()->size(), 2u);
  const Json stats = ParseJson(Call({"cache", "stats", "--json", path_}).out).value();
  std::uint64_t bytes = 0;
  for (const std::string& file : files_) bytes += std::filesystem::file_size(file);
  EXPECT_EQ(stats.Find("all")->Find("bytes")->AsUnsigned(), bytes);
  EXPECT_EQ(stats.Find("models")->Find("toy-model")->Find("states")->AsUnsigned(), 2u);
  EXPECT_NE(Call({"cache", "stats", path_}).out.find("toy-model"), std::string::npos);
}

TEST_F(CacheCommand, TellsPrograms) {
  std::fstream(files_[0], std::ios::in | std::ios::out | std::ios::binary).seekp(200) << "damage";
  const Json verified = ParseJson(Call({"cache", "verify", "--json", path_}).out).value();
  ASSERT_EQ(verified.Find("broken")->AsArray()->size(), 1u);
  EXPECT_EQ(verified.Find("segments")->AsUnsigned(), files_.size());
  const Json removed = ParseJson(Call({"cache", "rm", "--all", "--json", path_}).out).value();
  EXPECT_EQ(removed.Find("removed")->AsUnsigned(), files_.size() - 1);
}

TEST_F(CacheCommand, VerifyFindsAndRemovesWhatIsBroken) {
  Outcome verified = Call({"cache", "verify", path_});
  EXPECT_EQ(verified.code, 0) << verified.errors;
  EXPECT_NE(verified.out.find("0 broken, 0 files"), std::string::npos) << verified.out;
  std::fstream(files_[0], std::ios::in | std::ios::out | std::ios::binary).seekp(200) << "damage";
  std::ofstream(path_ + "/segments/" + files_[1].substr(files_[1].size() - 32, 2) +
                "/00000000000000000000000000000001")
      << "litter";
  verified = Call({"cache", "verify", path_});
  EXPECT_EQ(verified.code, 1);
  EXPECT_NE(verified.out.find(files_[0] + ": "), std::string::npos) << verified.out;
  EXPECT_NE(verified.out.find("1 broken, 1 files"), std::string::npos) << verified.out;
  EXPECT_NE(verified.errors.find("1 of "), std::string::npos) << verified.errors;
  EXPECT_EQ(Call({"cache", "verify", path_}).code, 0);
  EXPECT_FALSE(std::filesystem::exists(files_[0]));
}

// What cannot be read now is not broken: it stays, and the command fails with the reason.
TEST_F(CacheCommand, VerifyRemovesNothingThatItCannotRead) {
  std::filesystem::rename(files_[0], files_[0] + ".away");
  std::filesystem::create_directory(files_[0]);  // found a folder: kIo, as of a disk that fails
  const Outcome refused = Call({"cache", "verify", path_});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.errors.find(files_[0] + ": "), std::string::npos) << refused.errors;
  std::filesystem::remove(files_[0]);
  std::filesystem::rename(files_[0] + ".away", files_[0]);
  EXPECT_NE(Call({"cache", "verify", path_}).out.find("0 broken"), std::string::npos);
  for (const std::string& file : files_) EXPECT_TRUE(std::filesystem::exists(file)) << file;
}

TEST_F(CacheCommand, RemovesWhatIsNamed) {
  EXPECT_EQ(Call({"cache", "rm", path_}).code, 2);
  EXPECT_NE(Call({"cache", "rm", "--model", "other", path_}).out.find("removed 0 of "),
            std::string::npos);
  EXPECT_NE(Call({"cache", "rm", "--unused", "1", path_}).out.find("removed 0 of "),
            std::string::npos);
  EXPECT_EQ(Call({"cache", "rm", "--all", path_}).code, 0);
  for (const std::string& file : files_) EXPECT_FALSE(std::filesystem::exists(file)) << file;
  EXPECT_NE(Call({"cache", "verify", path_}).out.find("0 segments"), std::string::npos);
}

// What was asked, and where the model lies, are in no file of the folder any more, logs included;
// also while another program has it open.
TEST_F(CacheCommand, RemovingAllLeavesNoTrace) {
  std::string note;
  auto tools = server::ToolStore::Open(path_, {"model", 100'000}, 1 << 20, &note).value();
  tools->Keep(1, {.reasoning = "a secret thought",
                  .calls = {{.id = "call_1", .name = "secret_tool", .arguments = "{}"}}});
  cache::StoredTexts texts(path_);
  ASSERT_TRUE(texts.store().Remember("/secret/model.safetensors 1 2", "00").ok());
  ASSERT_TRUE(texts.Write(cache::Tokens(131, 54321)).ok());  // three ids in the index, in decimals
  const auto left = [&](const std::string& text) {
    for (const auto& at : std::filesystem::recursive_directory_iterator(path_))
      if (at.is_regular_file() &&
          io::ReadFile(at.path().string()).value().find(text) != std::string::npos)
        return at.path().string();
    return std::string();
  };
  for (const char* text : {"secret thought", "secret_tool", "/secret/model", "54321 54321"})
    EXPECT_NE(left(text), "") << text;
  const Outcome removed = Call({"cache", "rm", "--all", path_});
  EXPECT_EQ(removed.code, 0) << removed.errors;
  for (const char* text : {"secret", "call_1", "54321", "toy-model"})
    EXPECT_EQ(left(text), "") << text;
  EXPECT_FALSE(tools->Find(1, "call_1"));
  EXPECT_TRUE(texts.Write(cache::Tokens(131, 54321)).ok());
}

// Servers may still hold what a damaged index named: who only looks leaves it as it is.
TEST_F(CacheCommand, ADamagedIndexIsLeftAsItIsButByRemovingAll) {
  const std::string index = path_ + "/index.db";
  std::string damaged = io::ReadFile(index).value();
  for (std::size_t i = 100; i < damaged.size(); ++i) damaged[i] = 'x';
  std::filesystem::remove(index + "-wal");
  ASSERT_TRUE(io::WriteFile(index, damaged).ok());
  for (const char* command : {"ls", "stats", "verify"}) {
    const Outcome refused = Call({"cache", command, path_});
    EXPECT_EQ(refused.code, 1) << command;
    EXPECT_NE(refused.errors.find("is damaged; the next server"), std::string::npos)
        << refused.errors;
  }
  EXPECT_EQ(io::ReadFile(index).value(), damaged);
  for (const std::string& file : files_) EXPECT_TRUE(std::filesystem::exists(file)) << file;
  EXPECT_EQ(Call({"cache", "rm", "--all", path_}).code, 0);
  for (const std::string& file : files_) EXPECT_FALSE(std::filesystem::exists(file)) << file;
  EXPECT_EQ(Call({"cache", "ls", path_}).code, 0);
}

// Who is somebody else for a while, if this process may be: nobody may write for root, too.
class Nobody {
 public:
  explicit Nobody(const std::string& folder) {
    if (::geteuid() != 0) return;
    for (const auto& at : std::filesystem::recursive_directory_iterator(folder))
      HADAL_CHECK(::lchown(at.path().c_str(), kNobody, kNobody) == 0);
    HADAL_CHECK(::lchown(folder.c_str(), kNobody, kNobody) == 0 && ::seteuid(kNobody) == 0);
  }
  ~Nobody() {
    if (::getuid() == 0) HADAL_CHECK(::seteuid(0) == 0);
  }

 private:
  static constexpr unsigned kNobody = 65534;
};

// As a backup lies on a disk that is read only: it is looked at, and left as it is.
TEST_F(CacheCommand, AFolderThatMayNotBeWrittenIsLookedAt) {
  using std::filesystem::perms;
  std::filesystem::permissions(folder_.path(), perms(0755));
  std::filesystem::permissions(path_, perms(0555));
  {
    const Nobody nobody(path_);
    for (const char* command : {"ls", "stats", "verify"}) {
      const Outcome outcome = Call({"cache", command, path_});
      EXPECT_EQ(outcome.code, 0) << command << outcome.errors;
    }
    EXPECT_NE(Call({"cache", "ls", path_}).out.find("1,500"), std::string::npos);
    std::fstream(files_[0], std::ios::in | std::ios::out | std::ios::binary).seekp(200) << "damage";
    const Outcome verified = Call({"cache", "verify", path_});
    EXPECT_EQ(verified.code, 1);
    EXPECT_EQ(verified.out.find("removed"), std::string::npos) << verified.out;
    EXPECT_NE(verified.errors.find("segments are broken"), std::string::npos) << verified.errors;
    const Outcome removed = Call({"cache", "rm", "--all", path_});
    EXPECT_EQ(removed.code, 1);
    EXPECT_NE(removed.errors.find("the index cannot be written"), std::string::npos)
        << removed.errors;
  }
  std::filesystem::permissions(path_, perms(0755));
  EXPECT_FALSE(std::filesystem::exists(path_ + "/index.db-wal"));
  for (const std::string& file : files_) EXPECT_TRUE(std::filesystem::exists(file)) << file;
}

TEST_F(CacheCommand, AFolderThatIsNoneIsSaidAndLeftAlone) {
  const Outcome none = Call({"cache", "ls", folder_.File("none")});
  EXPECT_EQ(none.code, 1);
  EXPECT_NE(none.errors.find(folder_.File("none") + ": found no index.db"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder_.File("none")));
  std::filesystem::create_directory(folder_.File("other"));
  std::ofstream(folder_.File("other/index.db")) << "somebody else's, and longer than a header is, "
                                                   "so that nobody takes it for an empty file";
  const std::string before = io::ReadFile(folder_.File("other/index.db")).value();
  EXPECT_EQ(Call({"cache", "rm", "--all", folder_.File("other")}).code, 1);
  EXPECT_EQ(io::ReadFile(folder_.File("other/index.db")).value(), before);
}

}  // namespace
}  // namespace hadal::cli
