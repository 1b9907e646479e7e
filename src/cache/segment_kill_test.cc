// Programs that write to a folder of segments are killed at any moment: what they had reported
// stored is there, to the byte, and nothing else than what was written is ever given back. The same
// of programs that evict, restore and remove when they are killed, but for what they removed.
//
// The quick form is part of all runs; the full one is run by name:
//   hadal_cache_tests --gtest_also_run_disabled_tests --gtest_filter='*AThousandKills*'
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <functional>
#include <set>

#include "cache/stored_texts_test.h"

namespace hadal::cache {
namespace {

constexpr std::size_t kLongest = 2600;

// A process of its own, which says numbers in a pipe until it is killed.
class Program {
 public:
  explicit Program(const std::function<void(int to)>& work) {
    int ends[2];
    HADAL_CHECK(pipe(ends) == 0);
    child_ = fork();
    HADAL_CHECK(child_ >= 0);
    if (child_ == 0) {
      close(ends[0]);
      work(ends[1]);
      _exit(0);
    }
    close(ends[1]);
    pipe_ = ends[0];
  }
  ~Program() { close(pipe_); }

  std::vector<std::uint32_t> Kill() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    std::vector<std::uint32_t> said;
    for (std::uint32_t of = 0; read(pipe_, &of, sizeof(of)) == sizeof(of);) said.push_back(of);
    return said;
  }

 private:
  pid_t child_;
  int pipe_;
};

bool Say(std::uint32_t number, int to) {
  return write(to, &number, sizeof(number)) == sizeof(number);
}

// Says which texts are stored.
void WriteTexts(const std::string& folder, std::uint64_t seed, int to) {
  StoredTexts texts(folder);
  Random random(seed);
  while (true) {
    const auto of = static_cast<std::uint32_t>(random.Below(400));
    if (random.Below(10) == 0 && !texts.store().RemoveLitter().ok()) continue;
    if (!texts.Write(StoredText(of, kLongest)).ok()) continue;  // the other one was in the way
    if (!Say(of, to)) return;
  }
}

// What is wrong with what is given back of a text; empty: nothing, which may be for want of it.
std::string Wrong(DiskPrefixes& disk, const std::shared_ptr<Pool>& pool, std::uint32_t of) {
  Tokens text = StoredText(of, kLongest);
  text.push_back(61);
  const DiskPrefixes::Match found = disk.Find(0, text, 0);
  if (!found.state) return {};
  const auto got = disk.Restore(found, 0, text, pool);
  if (got.ok()) return IsAsStored(found, text, *got) ? "" : "other bytes than were stored";
  // Others remove and evict: a file may be gone by now, but is never another one or half of one.
  const bool gone = got.error().code == Code::kNotFound || got.error().code == Code::kIo;
  return gone ? "" : got.error().what;
}

constexpr std::uint32_t kTexts = 60;

std::uint64_t FewBytes() { return 40 * (Layout().fixed_bytes + Layout().page_bytes); }

// `hadal cache rm`, of some or of all.
void RemoveSome(SegmentStore& store, Random& random) {
  if (random.Below(8) == 0) return static_cast<void>(store.Erase());
  const auto all = store.All();
  if (!all.ok() || all->empty()) return;
  const io::Digest name = (*all)[random.Below(all->size())].name;
  static_cast<void>(store.Remove({&name, 1}));
}

// Writes, evicts, restores and removes. Says the texts of which it was given a wrong byte.
void DoEverything(const std::string& folder, std::uint64_t seed, int to) {
  StoredTexts texts(folder, FewBytes());
  const auto disk = OpenPrefixes(folder, nullptr, kTestModel, FewBytes());
  Random random(seed);
  while (true) {
    const auto of = static_cast<std::uint32_t>(random.Below(kTexts));
    const std::uint64_t work = random.Below(8);
    if (work == 0) RemoveSome(texts.store(), random);
    if (work == 1) static_cast<void>(texts.store().RemoveLitter());
    if (work >= 2 && work < 5) static_cast<void>(texts.Write(StoredText(of, kLongest)));
    if (work >= 5 && !Wrong(*disk, texts.pool(), of).empty() && !Say(of, to)) return;
  }
}

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

// What the index names is whole, whoever is at work. Its file may go, and come again, between a
// look at the one and a look at the other, but not every time.
void ExpectWhole(const std::string& path) {
  StoredTexts texts(path);
  const std::vector<Segment> all = texts.store().All().value();
  for (const Segment& segment : all) {
    const std::string file = texts.store().PathOf(segment.name);
    const auto whole_or_gone = [&] {
      std::error_code problem;
      return std::filesystem::file_size(file, problem) == segment.bytes ||
             !texts.store().Find(segment.name).value();
    };
    EXPECT_TRUE(whole_or_gone() || whole_or_gone() || whole_or_gone()) << file;
  }
}

void KillMany(int kills, std::uint64_t seed) {
  const testing::TempFolder folder;
  const std::string path = folder.File("c");
  const auto pool = std::make_shared<Pool>(Layout());
  Random random(seed);
  std::set<std::uint32_t> stored;
  constexpr std::uint64_t kSoon = 30'000;  // microseconds
  std::uint64_t latest = kSoon;            // more where the machine stores nothing in this time
  for (int done = 0; done < kills;) {
    SCOPED_TRACE(done);
    std::vector<std::unique_ptr<Program>> writers;
    for (std::size_t i = 0; i < 1 + random.Below(2); ++i)
      writers.push_back(std::make_unique<Program>(
          [&, seed = random.Next()](int to) { WriteTexts(path, seed, to); }));
    for (const auto& writer : writers) {
      usleep(static_cast<useconds_t>(random.Below(latest)));
      const std::vector<std::uint32_t> reported = writer->Kill();
      ++done;
      latest = reported.empty() ? std::min<std::uint64_t>(latest * 3 / 2, 900'000) : kSoon;
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

void KillManyThatDoEverything(int kills, std::uint64_t seed) {
  const testing::TempFolder folder;
  const std::string path = folder.File("c");
  const auto pool = std::make_shared<Pool>(Layout());
  Random random(seed);
  std::uint64_t restored = 0;
  for (int done = 0; done < kills;) {
    SCOPED_TRACE(done);
    std::vector<std::unique_ptr<Program>> programs;
    for (std::size_t i = 0; i < 1 + random.Below(2); ++i)
      programs.push_back(std::make_unique<Program>(
          [&, seed = random.Next()](int to) { DoEverything(path, seed, to); }));
    for (const auto& program : programs) {
      usleep(static_cast<useconds_t>(random.Below(50'000)));
      EXPECT_TRUE(program->Kill().empty()) << "a wrong byte";
      ++done;
      ExpectWhole(path);
      const auto disk = OpenPrefixes(path, nullptr, kTestModel, FewBytes());
      for (int i = 0; i < 4; ++i)
        EXPECT_EQ(Wrong(*disk, pool, static_cast<std::uint32_t>(random.Below(kTexts))), "");
      restored += disk->figures().restored_states;
      if (::testing::Test::HasFailure()) return;
    }
  }
  EXPECT_GT(restored, 0u);
  // Nobody is at work any more: what lies there is what is named, and no more than is allowed.
  StoredTexts texts(path, FewBytes());
  ASSERT_TRUE(texts.store().RemoveLitter(true).ok());
  const StoreTotals totals = texts.store().Totals().value();
  EXPECT_LE(totals.bytes, FewBytes());
  std::uint64_t files = 0;
  for (const auto& at : std::filesystem::recursive_directory_iterator(path + "/segments"))
    files += at.is_regular_file() ? 1 : 0;
  EXPECT_EQ(files, totals.segments);
}

TEST(SegmentKill, LosesNothingThatWasReportedStored) { KillMany(20, 1); }
TEST(SegmentKill, GivesBackNothingWrongWhateverWasUnderWay) { KillManyThatDoEverything(20, 3); }
TEST(SegmentKill, DISABLED_AThousandKills) { KillMany(1000, 2); }
TEST(SegmentKill, DISABLED_AThousandKillsOfEverything) { KillManyThatDoEverything(1000, 4); }

}  // namespace
}  // namespace hadal::cache
