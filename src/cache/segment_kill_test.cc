// Programs that write to a folder of segments are killed at any moment: what they had reported
// stored is there, to the byte, and nothing else than what was written is ever given back.
//
// The quick form is part of all runs; the full one is run by name:
//   hadal_cache_tests --gtest_also_run_disabled_tests --gtest_filter='*AThousandKills'
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <set>

#include "cache/stored_texts_test.h"

namespace hadal::cache {
namespace {

constexpr std::size_t kLongest = 2600;

// A process of its own that writes texts and says in the pipe which are stored, until it is killed.
class Writer {
 public:
  Writer(const std::string& folder, std::uint64_t seed) {
    int ends[2];
    HADAL_CHECK(pipe(ends) == 0);
    child_ = fork();
    HADAL_CHECK(child_ >= 0);
    if (child_ == 0) {
      close(ends[0]);
      Write(folder, seed, ends[1]);
      _exit(0);
    }
    close(ends[1]);
    pipe_ = ends[0];
  }
  ~Writer() { close(pipe_); }

  std::vector<std::uint32_t> Kill() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    std::vector<std::uint32_t> stored;
    for (std::uint32_t of = 0; read(pipe_, &of, sizeof(of)) == sizeof(of);) stored.push_back(of);
    return stored;
  }

 private:
  static void Write(const std::string& folder, std::uint64_t seed, int to) {
    StoredTexts texts(folder);
    Random random(seed);
    while (true) {
      const auto of = static_cast<std::uint32_t>(random.Below(400));
      if (random.Below(10) == 0 && !texts.store().RemoveLitter().ok()) continue;
      if (!texts.Write(StoredText(of, kLongest)).ok()) continue;  // the other one was in the way
      if (write(to, &of, sizeof(of)) != sizeof(of)) return;
    }
  }
  pid_t child_;
  int pipe_;
};

void ExpectStored(DiskPrefixes& disk, const std::shared_ptr<Pool>& pool, std::uint32_t of) {
  Tokens text = StoredText(of, kLongest);
  const Sequence want = StateOf(pool, text);
  text.push_back(61);
  const DiskPrefixes::Match found = disk.Find(0, text, 0);
  ASSERT_EQ(found.usable, want.tokens()) << of;
  const auto got = disk.Restore(found, 0, text, pool);
  ASSERT_TRUE(got.ok()) << got.error().what;
  EXPECT_TRUE(SameState(*got, want)) << of;
}

// What the index names is whole, whoever is at work: nothing is ever removed here.
void ExpectWhole(const std::string& path) {
  StoredTexts texts(path);
  const std::vector<Segment> all = texts.store().All().value();
  for (const Segment& segment : all) {
    const std::string file = texts.store().PathOf(segment.name);
    std::error_code problem;
    EXPECT_EQ(std::filesystem::file_size(file, problem), segment.bytes) << file;
  }
}

void KillMany(int kills, std::uint64_t seed) {
  const testing::TempFolder folder;
  const std::string path = folder.File("c");
  const auto pool = std::make_shared<Pool>(Layout());
  Random random(seed);
  std::set<std::uint32_t> stored;
  for (int done = 0; done < kills;) {
    SCOPED_TRACE(done);
    std::vector<std::unique_ptr<Writer>> writers;
    for (std::size_t i = 0; i < 1 + random.Below(2); ++i)
      writers.push_back(std::make_unique<Writer>(path, random.Next()));
    for (const auto& writer : writers) {
      usleep(static_cast<useconds_t>(random.Below(30'000)));
      const std::vector<std::uint32_t> reported = writer->Kill();
      ++done;
      stored.insert(reported.begin(), reported.end());
      ExpectWhole(path);
      // Opened, and its litter removed, while the other one may be at work.
      std::vector<std::string> notes;
      const auto disk = OpenPrefixes(path, &notes);
      for (const std::uint32_t of : reported) ExpectStored(*disk, pool, of);
      for (int i = 0; i < 3 && !stored.empty(); ++i) {
        auto any = stored.begin();
        std::advance(any, random.Below(stored.size()));
        ExpectStored(*disk, pool, *any);
      }
      EXPECT_TRUE(notes.empty()) << notes[0];
      EXPECT_EQ(disk->figures().broken, 0u);
      if (::testing::Test::HasFailure()) return;
    }
  }
  EXPECT_GT(stored.size(), static_cast<std::size_t>(kills) / 20);
  const auto disk = OpenPrefixes(path);
  for (const std::uint32_t of : stored) ExpectStored(*disk, pool, of);
}

TEST(SegmentKill, LosesNothingThatWasReportedStored) { KillMany(20, 1); }
TEST(SegmentKill, DISABLED_AThousandKills) { KillMany(1000, 2); }

}  // namespace
}  // namespace hadal::cache
