// What a folder of segments gives back is what was put there, to the byte; whatever is done to its
// files, and whoever else writes there.
#include "cache/disk_prefixes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cache/state_file.h"
#include "cache/stored_texts_test.h"
#include "io/file.h"

namespace hadal::cache {
namespace {

namespace fs = std::filesystem;

class DiskPrefixesTest : public ::testing::Test {
 protected:
  // What the text may go on from, with the bytes that were put there.
  std::uint64_t Restored(DiskPrefixes& disk, TokenSpan text, std::uint64_t scope = 0) {
    const DiskPrefixes::Match found = disk.Find(scope, text, 0);
    if (!found.state) return 0;
    EXPECT_LT(found.usable, text.size());
    const auto sequence = disk.Restore(found, scope, text, pool_);
    if (!sequence.ok()) return 0;
    EXPECT_TRUE(IsAsStored(found, text, *sequence));
    return found.usable;
  }
  std::vector<fs::path> Files() const {
    std::vector<fs::path> files;
    for (const auto& at : fs::recursive_directory_iterator(folder_.File("c/segments")))
      if (at.is_regular_file()) files.push_back(at.path());
    return files;
  }

  testing::TempFolder folder_;
  const std::string path_ = folder_.File("c");
  std::shared_ptr<Pool> pool_ = std::make_shared<Pool>(Layout());
};

Tokens Longer(Tokens text, std::int32_t token = 61, std::size_t by = 40) {
  text.resize(text.size() + by, token);
  return text;
}

TEST_F(DiskPrefixesTest, GivesBackTheLongestStateOfAText) {
  StoredTexts texts(path_);
  for (const std::size_t tokens : {1u, 127u, 128u, 129u, 1023u, 1024u, 1025u, 2300u}) {
    Tokens text = StoredText(3);
    text.resize(tokens, 5);
    ASSERT_TRUE(texts.Write(text).ok());
    const auto disk = OpenPrefixes(path_);
    EXPECT_EQ(Restored(*disk, Longer(text)), tokens);
    EXPECT_EQ(Restored(*disk, text), tokens - 1);             // the last is read again
    EXPECT_EQ(Restored(*disk, Longer(text), 1), 0u);          // another scope
    EXPECT_FALSE(disk->Find(0, Longer(text), tokens).state);  // no better than what is there
  }
}

TEST_F(DiskPrefixesTest, RandomTextsAreFoundAsAListFindsThem) {
  StoredTexts texts(path_);
  std::vector<Tokens> all;
  for (std::uint64_t i = 0; i < 30; ++i) {
    all.push_back(StoredText(i, 1500));
    ASSERT_TRUE(texts.Write(all.back()).ok());
  }
  const auto disk = OpenPrefixes(path_);
  for (std::uint64_t i = 0; i < 80; ++i) {
    const Tokens text = StoredText(i, 1500);
    std::uint64_t want = 0;
    for (const Tokens& one : all) {
      const auto common =
          static_cast<std::uint64_t>(std::ranges::mismatch(one, text).in1 - one.begin());
      const std::uint64_t usable = std::min<std::uint64_t>(common, text.size() - 1);
      const bool reached = usable >= one.size() || usable + arch::kReturnTokens >= one.size();
      // One that lies in a later page of its own is not looked for.
      if (reached && usable / arch::kPageTokens == one.size() / arch::kPageTokens)
        want = std::max(want, usable);
    }
    EXPECT_GE(disk->Find(0, text, 0).usable, want) << i;
    EXPECT_EQ(Restored(*disk, text), disk->Find(0, text, 0).usable) << i;
  }
  EXPECT_EQ(disk->figures().broken, 0u);
}

// V3.2's MTP block keeps its entries in pages, and that of a page's last token is made of the next
// page's first: two texts that part there share the page, and one of them has the other's entry.
TEST_F(DiskPrefixesTest, EntriesOfTheMtpBlockInPagesAreNotTakenForTheTexts) {
  const arch::KvLayout layout(SmallV32Shape(), arch::Numerics::Stored());
  const auto pool = std::make_shared<Pool>(layout);
  const auto state_of = [&](const Tokens& text) {
    Sequence state = StateOf(pool, text);
    state.state().mtp_tokens = text.size() - 1;
    return state;
  };
  const Tokens shared(1024, 7), one = Longer(shared, 8), other = Longer(shared, 9);
  std::string note;
  SegmentStore store = SegmentStore::Open(path_, true, &note).value();
  WriterFigures figures;
  for (const Tokens& text : {one, other})
    ASSERT_TRUE(WriteSegments(store, kTestModel, "toy-model", 0, text, state_of(text),
                              std::uint64_t{1} << 40, &figures)
                    .ok());
  EXPECT_EQ(figures.segments, 3u);  // the pages once
  const auto disk = DiskPrefixes::Open(SegmentStore::Open(path_, true, &note).value(),
                                       SegmentStore::Open(path_, true, &note).value(), kTestModel,
                                       layout, {.limit_bytes = std::uint64_t{1} << 40})
                        .value();
  const Tokens text = Longer(other);
  const DiskPrefixes::Match found = disk->Find(0, text, 0);
  const auto back = disk->Restore(found, 0, text, pool);
  ASSERT_TRUE(back.ok()) << back.error().what;
  EXPECT_EQ(back->state().mtp_tokens, 0u);
  EXPECT_GE(back->tokens(), other.size() - 1);
}

TEST_F(DiskPrefixesTest, CommonBeginningsAreStoredOnce) {
  StoredTexts texts(path_);
  const Tokens first(2048, 7);
  ASSERT_TRUE(texts.Write(first).ok());
  const std::uint64_t once = texts.figures().segments;
  EXPECT_EQ(once, 3u);  // two of pages, a state
  ASSERT_TRUE(texts.Write(Longer(first)).ok());
  EXPECT_EQ(texts.figures().segments, once + 1);
  ASSERT_TRUE(texts.Write(first).ok());
  EXPECT_EQ(texts.figures().segments, once + 1);
  EXPECT_EQ(texts.store().Totals().value().bytes, texts.figures().bytes);
  std::uint64_t bytes = 0;
  for (const fs::path& file : Files()) bytes += fs::file_size(file);
  EXPECT_EQ(bytes, texts.figures().bytes);
}

TEST_F(DiskPrefixesTest, AnotherModelFindsNothing) {
  StoredTexts texts(path_);
  const Tokens text = StoredText(1);
  ASSERT_TRUE(texts.Write(text).ok());
  EXPECT_EQ(OpenPrefixes(path_)->Find(0, text, text.size()).outcome, DiskOutcome::kNothing);
  const auto other = OpenPrefixes(path_, nullptr, {.low = 5, .high = 8});
  EXPECT_EQ(Restored(*other, Longer(text)), 0u);
  EXPECT_EQ(other->Find(0, text, 0).outcome, DiskOutcome::kOtherModel);
  EXPECT_EQ(OpenPrefixes(path_)->Find(1, text, 0).outcome, DiskOutcome::kOtherModel);  // or scope
  EXPECT_EQ(OpenPrefixes(path_)->Find(0, Tokens(300, 62), 0).outcome, DiskOutcome::kNothing);
  EXPECT_EQ(OpenPrefixes(path_)->Find(0, Longer(text), 0).outcome, DiskOutcome::kRestored);
  EXPECT_EQ(OpenPrefixes(folder_.File("empty"))->Find(0, text, 0).outcome, DiskOutcome::kNothing);
  EXPECT_EQ(Restored(*OpenPrefixes(path_), Longer(text)), text.size());
}

TEST_F(DiskPrefixesTest, FilesAreTheirOwnersAlone) {
  const mode_t before = umask(0);
  StoredTexts texts(path_);
  ASSERT_TRUE(texts.Write(StoredText(1)).ok());
  umask(before);
  for (const auto& at : fs::recursive_directory_iterator(path_))
    EXPECT_EQ(at.status().permissions() & fs::perms(0077), fs::perms::none) << at.path();
  EXPECT_EQ(fs::status(path_).permissions() & fs::perms(0077), fs::perms::none);
}

// Damage of any kind costs the text, never a wrong byte; and is gone from the index.
TEST_F(DiskPrefixesTest, WhatIsBrokenIsDroppedWithALine) {
  const Tokens text = StoredText(9, 2000), longer = Longer(text);
  Random random(4);
  for (int round = 0; round < 25; ++round) {
    fs::remove_all(path_);
    StoredTexts texts(path_);
    ASSERT_TRUE(texts.Write(text).ok());
    const std::vector<fs::path> files = Files();
    const std::string path = files[random.Below(files.size())].string();
    std::string bytes = io::ReadFile(path).value();
    const std::size_t kind = random.Below(5);
    if (kind == 0) bytes[random.Below(bytes.size())] ^= 4;
    if (kind == 1) bytes.resize(random.Below(bytes.size()));
    if (kind == 2) bytes = io::ReadFile(files[random.Below(files.size())].string()).value() + "x";
    if (kind == 3) bytes[random.Below(96)] ^= 1;  // its header
    fs::remove(path);
    if (kind < 4) {
      ASSERT_TRUE(io::WriteFile(path, bytes).ok());
    }
    std::vector<std::string> notes;
    const std::uint64_t segments = texts.store().Totals().value().segments;
    {
      const auto disk = OpenPrefixes(path_, &notes);
      EXPECT_EQ(Restored(*disk, longer), 0u) << kind;
      EXPECT_EQ(disk->figures().broken, 1u) << kind;
    }
    ASSERT_EQ(notes.size(), 1u);
    EXPECT_EQ(notes[0].find(path + ": "), 0u) << notes[0];
    EXPECT_EQ(notes[0].find('\n'), std::string::npos);
    EXPECT_EQ(texts.store().Totals().value().segments, segments - 1);
    // Written again, it is whole again.
    ASSERT_TRUE(texts.Write(text).ok());
    EXPECT_EQ(Restored(*OpenPrefixes(path_), longer), text.size());
  }
}

// Neither a program's limits nor a disk that does not answer make a state broken.
TEST_F(DiskPrefixesTest, WhatCannotBeReadNowStays) {
  StoredTexts texts(path_);
  const Tokens text = StoredText(9, 2000), longer = Longer(text);
  ASSERT_TRUE(texts.Write(text).ok());
  const std::uint64_t segments = texts.store().Totals().value().segments;
  std::vector<std::string> notes;
  const auto disk = OpenPrefixes(path_, &notes);
  const DiskPrefixes::Match found = disk->Find(0, longer, 0);
  ASSERT_TRUE(found.state);
  // The writer's thread runs by now: a sanitizer that sees its type for the first time asks for a
  // pipe, and there will be none.
  disk->Used(0, text);
  disk->Finish();
  const int next = open("/dev/null", O_RDONLY);  // the lowest that is free: no other is to be had
  close(next);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto refused = disk->Restore(found, 0, longer, pool_);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kIo) << refused.error().what;
  EXPECT_EQ(disk->figures().broken, 0u);
  EXPECT_EQ(disk->figures().failed, 1u);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("it stays"), std::string::npos) << notes[0];
  EXPECT_EQ(texts.store().Totals().value().segments, segments);
  EXPECT_EQ(Restored(*disk, longer), text.size());
}

// Who is in a hurry, as a server that ends, waits for a segment at most; nothing is taken for
// broken.
TEST_F(DiskPrefixesTest, AReadThatIsCancelledTakesNothingAway) {
  StoredTexts texts(path_);
  const Tokens text(3000, 7);
  ASSERT_TRUE(texts.Write(text).ok());
  const auto disk = OpenPrefixes(path_);
  const DiskPrefixes::Match found = disk->Find(0, Longer(text), 0);
  DiskPrefixes::ReadProgress progress;
  progress.cancel = true;
  DiskPrefixes::Reading reading = disk->Read(found, 0, Longer(text), pool_, &progress);
  ASSERT_FALSE(reading.status.ok());
  EXPECT_EQ(reading.status.error().code, Code::kCancelled);
  EXPECT_FALSE(disk->Restored(std::move(reading), found).ok());
  EXPECT_EQ(disk->figures().broken, 0u);
  EXPECT_EQ(pool_->used_bytes(), 0u);
  EXPECT_EQ(Restored(*disk, Longer(text)), text.size());
}

// Found, evicted before it is read, and stored again before it is known to be missing: nobody's
// fault, and what lies there now stays. A broken one that was replaced meanwhile, too.
TEST_F(DiskPrefixesTest, WhatOthersPutThereMeanwhileStays) {
  StoredTexts texts(path_);
  const Tokens text(1024, 7);
  const io::Digest state = TextChain(kTestModel, 0, text).OfState(text.size());
  std::vector<std::string> notes;
  for (const bool broken : {false, true}) {
    ASSERT_TRUE(texts.Write(text).ok());
    const auto disk = OpenPrefixes(path_, &notes);
    const DiskPrefixes::Match found = disk->Find(0, Longer(text), 0);
    if (broken)
      fs::resize_file(texts.store().PathOf(state), 100);
    else
      ASSERT_TRUE(texts.store().Remove({&state, 1}).ok());
    DiskPrefixes::ReadProgress progress;
    DiskPrefixes::Reading reading = disk->Read(found, 0, Longer(text), pool_, &progress);
    ASSERT_FALSE(reading.status.ok());
    EXPECT_EQ(DiskPrefixes::OutcomeOf(reading.status.error()),
              broken ? DiskOutcome::kBroken : DiskOutcome::kGone);
    if (broken) {
      ASSERT_TRUE(texts.store().Remove({&state, 1}).ok());
    }
    ASSERT_TRUE(texts.Write(text).ok());
    EXPECT_FALSE(disk->Restored(std::move(reading), found).ok());
    EXPECT_EQ(disk->figures().broken, 0u);
    EXPECT_EQ(Restored(*disk, Longer(text)), text.size());
  }
  EXPECT_TRUE(notes.empty()) << notes[0];
}

TEST_F(DiskPrefixesTest, WhatIsEvictedBeforeItIsReadIsNotBroken) {
  StoredTexts texts(path_);
  const Tokens text(1024, 7);
  ASSERT_TRUE(texts.Write(text).ok());
  std::vector<std::string> notes;
  const auto disk = OpenPrefixes(path_, &notes);
  const DiskPrefixes::Match found = disk->Find(0, Longer(text), 0);
  ASSERT_GT(texts.store().Shrink(0).value(), 0u);
  EXPECT_EQ(disk->Restore(found, 0, Longer(text), pool_).error().code, Code::kNotFound);
  EXPECT_EQ(disk->figures().broken + disk->figures().failed, 0u);
  EXPECT_TRUE(notes.empty()) << notes[0];
}

// A file that is whole, in another's place.
TEST_F(DiskPrefixesTest, OneFileInAnothersPlaceIsFoundOut) {
  StoredTexts texts(path_);
  const Tokens one(1024, 7), other(1024, 8);
  ASSERT_TRUE(texts.Write(one).ok());
  ASSERT_TRUE(texts.Write(other).ok());
  const TextChain a(kTestModel, 0, one), b(kTestModel, 0, other);
  fs::copy_file(texts.store().PathOf(b.AtPage(8)), texts.store().PathOf(a.AtPage(8)),
                fs::copy_options::overwrite_existing);
  EXPECT_EQ(Restored(*OpenPrefixes(path_), Longer(one)), 0u);
  EXPECT_EQ(Restored(*OpenPrefixes(path_), Longer(other)), 1024u);
}

// As if the digests of two texts were the same: what was stored is the other one's.
TEST_F(DiskPrefixesTest, TheTokensThemselvesAreCompared) {
  StoredTexts texts(path_);
  const Tokens one(1024, 7), other(1024, 8);
  ASSERT_TRUE(texts.Write(one).ok());
  const io::Digest name = TextChain(kTestModel, 0, one).AtPage(8);
  const Sequence state = StateOf(pool_, other);
  const std::string_view note(reinterpret_cast<const char*>(other.data()),
                              other.size() * sizeof(other[0]));
  const StateFileHeader header{.owner = name.low,
                               .done = {.tokens = 1024},
                               .page_bytes = Layout().page_bytes,
                               .pages = 8,
                               .note_bytes = note.size()};
  const Segment segment{
      .name = name, .parent = {}, .done = header.done, .bytes = StateFileBytes(header)};
  const auto write = [&](io::AtomicFile* file) {
    return WriteStateFile(header, {}, note, state.state().pages, file);
  };
  ASSERT_TRUE(texts.store().Put(segment, write, std::uint64_t{1} << 40).ok());
  const auto disk = OpenPrefixes(path_);
  EXPECT_EQ(Restored(*disk, Longer(one)), 0u);
  EXPECT_EQ(disk->figures().broken, 1u);
}

TEST_F(DiskPrefixesTest, TheLeastRecentlyUsedGoesAndChildrenBeforeParents) {
  const Tokens shared(1024, 7);
  Tokens a = Longer(shared, 8, 1024), b = Longer(shared, 9, 1024);
  std::uint64_t state_bytes = 0, page_bytes = 0;
  {
    StoredTexts texts(path_);
    for (const Tokens& text : {a, b}) {
      ASSERT_TRUE(texts.Write(text).ok());
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
    const std::vector<Segment> all = texts.store().All().value();
    for (const Segment& segment : all) (segment.state ? state_bytes : page_bytes) = segment.bytes;
  }
  {
    const auto disk = OpenPrefixes(path_);
    EXPECT_EQ(Restored(*disk, Longer(a)), a.size());  // it is the newer one now
    disk->Finish();
  }
  // Room for all but one state and its pages.
  const auto disk =
      OpenPrefixes(path_, nullptr, kTestModel, state_bytes + 2 * page_bytes + page_bytes / 2);
  EXPECT_EQ(Restored(*disk, Longer(b)), 0u);
  EXPECT_EQ(Restored(*disk, Longer(a)), a.size());
  EXPECT_EQ(Files().size(), 3u);
}

// What is found in memory is not looked for here: it is in use all the same.
TEST_F(DiskPrefixesTest, WhatIsUsedFromMemoryIsUsedHereToo) {
  for (const std::size_t tokens : {700u, 1024u, 1151u, 1152u}) {
    SCOPED_TRACE(tokens);
    fs::remove_all(path_);
    const Tokens a(tokens, 8), b(tokens, 9);
    {
      StoredTexts texts(path_);
      for (const Tokens& text : {a, b}) {
        ASSERT_TRUE(texts.Write(text).ok());
        std::this_thread::sleep_for(std::chrono::milliseconds(3));
      }
    }
    for (const std::size_t more : {0u, 1u}) {  // with the MTP block, and without
      const auto disk = OpenPrefixes(path_);
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
      disk->Used(0, TokenSpan(Longer(a)).first(tokens + more));
      disk->Finish();
      const std::vector<Segment> all =
          SegmentStore::Open(path_, false, nullptr).value().All().value();
      // The newest first: those of a, one of pages for each eight, and the state.
      for (std::size_t i = 0; i < all.size(); ++i) {
        const TextChain chain(kTestModel, 0, a);
        bool of_a = all[i].name == chain.OfState(tokens);
        for (const std::uint64_t end : TextChain::Ends(chain.pages()))
          of_a = of_a || all[i].name == chain.AtPage(end);
        EXPECT_EQ(of_a, i < all.size() / 2) << i;
      }
    }
  }
}

TEST_F(DiskPrefixesTest, ItStaysWithinItsBytes) {
  StoredTexts texts(path_, 40 * (Layout().fixed_bytes + Layout().page_bytes));
  for (std::uint64_t i = 0; i < 40; ++i) {
    ASSERT_TRUE(texts.Write(StoredText(i)).ok());
    std::uint64_t bytes = 0;
    for (const fs::path& file : Files()) bytes += fs::file_size(file);
    EXPECT_LE(bytes, 40 * (Layout().fixed_bytes + Layout().page_bytes));
    EXPECT_EQ(bytes, texts.store().Totals().value().bytes);
  }
  EXPECT_GT(texts.store().Totals().value().segments, 3u);
}

TEST_F(DiskPrefixesTest, LitterIsRemovedAndOthersFilesStay) {
  StoredTexts texts(path_);
  ASSERT_TRUE(texts.Write(StoredText(1)).ok());
  const std::size_t files = Files().size();
  const std::string place = path_ + "/segments/ab/";
  fs::create_directories(place);
  const std::string litter = place + "ab0123456789abcdef0123456789abcd";
  const std::string fresh = litter + ".0123456789abcdef.tmp",
                    old = litter + ".0123456789abcde0.tmp";
  const std::string replaced = old + std::string(io::kReplacedSuffix);
  for (const std::string& path : {litter, fresh, old, replaced, place + "letter.txt"})
    ASSERT_TRUE(io::WriteFile(path, "x").ok());
  for (const std::string& path : {old, replaced})
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_EQ(texts.store().RemoveLitter().value(), 3u);
  EXPECT_FALSE(fs::exists(litter) || fs::exists(old) || fs::exists(replaced));
  EXPECT_TRUE(fs::exists(fresh) && fs::exists(place + "letter.txt"));
  EXPECT_EQ(Files().size(), files + 2);
}

// A table that is not there for a moment is not one without rows: no file goes for it, and when it
// is back, states are found again.
TEST_F(DiskPrefixesTest, AnIndexThatCannotBeReadNamesNothingAway) {
  StoredTexts texts(path_);
  const Tokens text = StoredText(9, 2000), longer = Longer(text);
  ASSERT_TRUE(texts.Write(text).ok());
  const std::size_t files = Files().size();
  const auto disk = OpenPrefixes(path_);
  io::Database other = Index(path_);
  ASSERT_TRUE(other.Run("ALTER TABLE segments RENAME TO away"));
  EXPECT_FALSE(texts.store().RemoveLitter().ok());
  EXPECT_FALSE(texts.store().All().ok());
  EXPECT_FALSE(texts.store().Totals().ok());
  EXPECT_EQ(disk->Find(0, longer, 0).outcome, DiskOutcome::kFailed);
  EXPECT_EQ(disk->figures().failed, 1u);
  ASSERT_TRUE(other.Run("ALTER TABLE away RENAME TO segments"));
  EXPECT_EQ(Files().size(), files);
  EXPECT_EQ(Restored(*disk, longer), text.size());
}

// Whoever holds the index for long delays nobody's start, and costs him no state.
TEST_F(DiskPrefixesTest, OneThatOthersWriteToIsOpenedAndRead) {
  StoredTexts texts(path_);
  const Tokens text = StoredText(9, 2000);
  ASSERT_TRUE(texts.Write(text).ok());
  fs::create_directories(path_ + "/segments/ab");
  const std::string litter = path_ + "/segments/ab/ab0123456789abcdef0123456789abcd";
  ASSERT_TRUE(io::WriteFile(litter, "x").ok());
  io::Database other = Index(path_);
  const io::Transaction writing(other);
  ASSERT_TRUE(writing.begun());
  std::vector<std::string> notes;
  const auto disk = OpenPrefixes(path_, &notes);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("in use by another program"), std::string::npos) << notes[0];
  EXPECT_EQ(Restored(*disk, Longer(text)), text.size());
  EXPECT_TRUE(fs::exists(litter));
}

// The sum that a store keeps, while another one writes and removes what it has counted.
TEST_F(DiskPrefixesTest, TwoStoresKeepOneLimit) {
  const std::uint64_t limit = 40 * (Layout().fixed_bytes + Layout().page_bytes);
  StoredTexts one(path_, limit), other(path_, limit);
  for (std::uint64_t i = 0; i < 40; ++i) {
    ASSERT_TRUE((i % 3 == 0 ? other : one).Write(StoredText(i)).ok());
    if (i % 7 == 0) {
      const std::vector<Segment> all = other.store().All().value();
      ASSERT_TRUE(other.store().Remove({&all.front().name, 1}).ok());
    }
    EXPECT_LE(one.store().Totals().value().bytes, limit);
  }
  const std::uint64_t bytes = one.store().Totals().value().bytes;
  EXPECT_EQ(one.store().Shrink(bytes).value(), 0u);
  EXPECT_GT(one.store().Shrink(bytes - 1).value(), 0u);
}

TEST_F(DiskPrefixesTest, ADamagedIndexIsBegunAnew) {
  {
    StoredTexts texts(path_);
    ASSERT_TRUE(texts.Write(StoredText(1)).ok());
  }
  std::string index = io::ReadFile(path_ + "/index.db").value();
  for (std::size_t i = 100; i < index.size(); ++i) index[i] = 'x';
  fs::remove(path_ + "/index.db-wal");
  ASSERT_TRUE(io::WriteFile(path_ + "/index.db", index).ok());
  const auto disk = OpenPrefixes(path_);
  EXPECT_EQ(Restored(*disk, Longer(StoredText(1))), 0u);
  EXPECT_TRUE(Files().empty());
}

// Whoever writes to the index may write anything there: more tokens behind a page than a page has
// would lead behind the text's names.
TEST_F(DiskPrefixesTest, AForgedIndexLeadsNowhere) {
  StoredTexts texts(path_);
  const Tokens text(1200, 7);
  ASSERT_TRUE(texts.Write(text).ok());
  std::string behind;
  for (int i = 0; i < 5000; ++i) behind += "7 ";
  io::Database other = Index(path_);
  for (const std::uint64_t tokens : {1152u + 5000u, 1152u + 128u}) {
    const std::string part = behind.substr(0, tokens == 1280 ? 256 : behind.size());
    ASSERT_TRUE(other.Run(
        fmt::format("UPDATE segments SET tokens = {}, behind = '{}' WHERE state = 1", tokens, part)
            .c_str()));
    const auto disk = OpenPrefixes(path_);
    EXPECT_FALSE(disk->Find(0, Longer(text), 0).state) << tokens;
    EXPECT_EQ(disk->figures().failed, 0u);
  }
}

// Whoever writes to the index may write anything there: a row that names no file goes as others do.
TEST_F(DiskPrefixesTest, ARowOfNobodysDoesNotEndEviction) {
  StoredTexts texts(path_);
  ASSERT_TRUE(texts.Write(Tokens(1200, 7)).ok());
  io::Database other = Index(path_);
  ASSERT_TRUE(other.Run("INSERT INTO segments VALUES('x', 'y', '', 0, 0, 0, 0, 0, '', 1000, 0)"));
  EXPECT_EQ(texts.store().Shrink(0).value(), 3u);
  EXPECT_EQ(texts.store().Totals().value().segments, 0u);
  EXPECT_TRUE(Files().empty());
}

// What lies in a segment's place and has no name may be half a file: where this one cannot be put
// there, it is not named either.
TEST_F(DiskPrefixesTest, WhatCannotBePutInPlaceIsNotNamed) {
  StoredTexts texts(path_);
  const io::Digest name{.low = 1, .high = 2};
  const Segment segment{.name = name, .parent = {}, .bytes = 3};
  const auto write = [&](io::AtomicFile* file) {
    // Behind its back, as the litter of a program that was killed.
    std::ofstream(texts.store().PathOf(name)) << "half";
    return file->Write("abc");
  };
  EXPECT_FALSE(texts.store().Put(segment, write, std::uint64_t{1} << 40).ok());
  EXPECT_FALSE(texts.store().Find(name).value());
  EXPECT_FALSE(fs::exists(texts.store().PathOf(name)));  // or the next would find it there too
  const auto alone = [](io::AtomicFile* file) { return file->Write("abc"); };
  EXPECT_TRUE(texts.store().Put(segment, alone, std::uint64_t{1} << 40).ok());
}

// As of a full disk where the index cannot say even that something was used.
TEST_F(DiskPrefixesTest, WhatCannotBeMarkedAsUsedCostsNoState) {
  const Tokens text(1024, 7);
  std::vector<std::string> notes;
  const auto disk = OpenPrefixes(path_, &notes);
  disk->Write(0, text, std::make_shared<Sequence>(StateOf(pool_, text)));
  disk->Finish();
  ASSERT_TRUE(
      Index(path_).Run("CREATE TRIGGER no BEFORE UPDATE ON segments BEGIN "
                       "SELECT RAISE(FAIL, 'no'); END"));
  disk->Write(0, Longer(text), std::make_shared<Sequence>(StateOf(pool_, Longer(text))));
  disk->Used(0, text);
  disk->Finish();
  EXPECT_EQ(disk->figures().written.states, 2u);
  EXPECT_EQ(disk->figures().written.failed, 0u);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("that it was used is not noted"), std::string::npos) << notes[0];
}

// Threads with stores of their own, as processes have them, on the same texts.
TEST_F(DiskPrefixesTest, ManyWriteAtOnce) {
  { const StoredTexts make(path_); }
  std::vector<std::thread> writers;
  for (std::uint64_t w = 0; w < 4; ++w)
    writers.emplace_back([&, w] {
      StoredTexts texts(path_);
      for (std::uint64_t i = 0; i < 12; ++i) {
        const Status written = texts.Write(StoredText((i + 3 * w) % 12, 1000));
        EXPECT_TRUE(written.ok()) << written.error().what;
        if (i % 4 == 0) {
          EXPECT_EQ(texts.store().RemoveLitter().value(), 0u);
        }
      }
    });
  for (std::thread& writer : writers) writer.join();
  const auto disk = OpenPrefixes(path_);
  for (std::uint64_t i = 0; i < 12; ++i) {
    const Tokens text = StoredText(i, 1000);
    EXPECT_EQ(Restored(*disk, Longer(text)), text.size()) << i;
  }
}

TEST_F(DiskPrefixesTest, TheWriterKeepsUpOrSkips) {
  const auto disk = OpenPrefixes(path_);
  for (std::uint64_t i = 0; i < 60; ++i) {
    const Tokens text = StoredText(i, 600);
    disk->Write(0, text, std::make_shared<Sequence>(StateOf(pool_, text)));
  }
  disk->Finish();
  const WriterFigures figures = disk->figures().written;
  EXPECT_EQ(figures.failed, 0u);
  EXPECT_GT(figures.states, 0u);
  EXPECT_LE(figures.states + figures.skipped, 60u);
  EXPECT_EQ(pool_->used_bytes(), 0u);
}

// States that wait give way and are counted, and what nobody can be given to write is counted too.
TEST_F(DiskPrefixesTest, WhatWaitsGivesWay) {
  const auto disk = OpenPrefixes(path_);
  constexpr std::uint64_t kStates = 6;
  std::uint64_t dropped = 0;
  {
    io::Database other = Index(path_);
    const io::Transaction writing(other);  // the first state waits for the index
    for (std::uint64_t i = 0; i < kStates; ++i) {
      const Tokens text = StoredText(i, 600);
      disk->Write(0, text, std::make_shared<Sequence>(StateOf(pool_, text)));
    }
    while (disk->DropWaiting()) ++dropped;
  }
  disk->Skip();
  disk->Finish();
  EXPECT_GE(dropped, kStates - 2);
  const WriterFigures figures = disk->figures().written;
  EXPECT_EQ(figures.skipped, dropped + 1);
  EXPECT_LE(figures.states + figures.failed + dropped, kStates);
  EXPECT_FALSE(disk->DropWaiting());
  EXPECT_EQ(pool_->used_bytes(), 0u);
}

// Others that write for long cost nobody a state that is written behind.
TEST_F(DiskPrefixesTest, TheWriterWaitsForOthers) {
  const auto disk = OpenPrefixes(path_);
  {
    io::Database other = Index(path_);
    const io::Transaction writing(other);
    const Tokens text = StoredText(1);
    disk->Write(0, text, std::make_shared<Sequence>(StateOf(pool_, text)));
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  }
  disk->Finish();
  EXPECT_EQ(disk->figures().written.failed, 0u);
  EXPECT_EQ(disk->figures().written.states, 1u);
}

TEST_F(DiskPrefixesTest, WhatIsMoreThanTheLimitIsNotWrittenAndSaidOnce) {
  const Tokens small(300, 7), large(3000, 8);
  EXPECT_GT(StoredBytes(StateOf(pool_, large)), StoredBytes(StateOf(pool_, small)));
  std::vector<std::string> notes;
  {
    const auto disk =
        OpenPrefixes(path_, &notes, kTestModel, StoredBytes(StateOf(pool_, large)) - 1);
    for (const Tokens& text : {small, large, large}) {
      disk->Write(0, text, std::make_shared<Sequence>(StateOf(pool_, text)));
      disk->Finish();
    }
    EXPECT_EQ(disk->figures().written.states, 1u);
    EXPECT_EQ(disk->figures().written.skipped, 2u);
    EXPECT_EQ(disk->figures().written.bytes, StoredBytes(StateOf(pool_, small)));
    EXPECT_EQ(Restored(*disk, Longer(small)), small.size());
  }
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("a state of 3000 tokens takes"), std::string::npos) << notes[0];
}

// A disk that is full before the limit is reached: what was used longest ago makes room.
TEST_F(DiskPrefixesTest, AFullDiskHasALimitOfItsOwn) {
  StoredTexts texts(path_);
  const Tokens old(300, 7), newer(300, 8);
  for (const Tokens& text : {old, newer}) {
    ASSERT_TRUE(texts.Write(text).ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  const Segment segment{.name = {.low = 1, .high = 2}, .parent = {}, .bytes = 3};
  int tried = 0;
  const auto full_once = [&](io::AtomicFile* file) {
    return ++tried == 1 ? Status(Fail(Code::kExhausted, "no room")) : file->Write("abc");
  };
  ASSERT_TRUE(texts.store().Put(segment, full_once, std::uint64_t{1} << 40).ok());
  EXPECT_TRUE(texts.store().Find(segment.name).value());
  const auto disk = OpenPrefixes(path_);
  EXPECT_EQ(Restored(*disk, Longer(old)), 0u);
  EXPECT_EQ(Restored(*disk, Longer(newer)), newer.size());
  // And where that does not help, it is said; others' files are left when nothing of ours is there.
  const auto full = [](io::AtomicFile*) { return Status(Fail(Code::kExhausted, "no room")); };
  EXPECT_EQ(texts.store().Put(segment, full, std::uint64_t{1} << 40).error().code,
            Code::kExhausted);
}

// No file of this process may be larger while it lives; who writes more gets an error, no signal.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    EXPECT_EQ(getrlimit(RLIMIT_FSIZE, &before_), 0);
    const rlimit small{bytes, before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &before_), 0);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_ = {};
  void (*const handler_)(int) = std::signal(SIGXFSZ, SIG_IGN);
};

// What goes would make no room in a file that may not be as large.
TEST_F(DiskPrefixesTest, ALimitOnFileSizesEvictsNothing) {
  constexpr std::size_t kBytes = 2 << 20;
  StoredTexts texts(path_);
  ASSERT_TRUE(texts.Write(Tokens(300, 7)).ok());
  const std::uint64_t there = texts.store().Totals().value().segments;
  const auto write = [](io::AtomicFile* file) { return file->Write(std::string(kBytes, 'x')); };
  {
    const FileSizeLimit limit(1 << 20);  // enough for the index
    EXPECT_FALSE(texts.store()
                     .Put({.name = {.low = 1, .high = 2}, .parent = {}, .bytes = kBytes}, write,
                          std::uint64_t{1} << 40)
                     .ok());
  }
  EXPECT_EQ(texts.store().Totals().value().segments, there);
}

// A full disk, as of a limit on file sizes: said once, and left alone for a while.
TEST_F(DiskPrefixesTest, AFullDiskIsNotTriedForEveryState) {
  std::vector<std::string> notes;
  {
    const auto disk = OpenPrefixes(path_, &notes);
    {
      const FileSizeLimit limit(64);  // less than a state file's header
      for (std::uint64_t i = 1; i < 4; ++i) {
        const Tokens text = StoredText(i);
        disk->Write(0, text, std::make_shared<Sequence>(StateOf(pool_, text)));
        disk->Finish();
      }
    }
    EXPECT_EQ(disk->figures().written.failed, 1u);
    EXPECT_EQ(disk->figures().written.skipped, 2u);
  }
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("not kept on disk"), std::string::npos) << notes[0];
}

// Where nothing can be written, one line says so, and nothing else happens.
TEST_F(DiskPrefixesTest, WhatCannotBeWrittenIsALine) {
  std::vector<std::string> notes;
  {
    const auto disk = OpenPrefixes(path_, &notes);
    fs::remove_all(path_ + "/segments");
    ASSERT_TRUE(io::WriteFile(path_ + "/segments", "in the way").ok());
    for (std::uint64_t i = 1; i < 4; ++i) {
      const Tokens text = StoredText(i);
      disk->Write(0, text, std::make_shared<Sequence>(StateOf(pool_, text)));
      disk->Finish();
    }
    EXPECT_EQ(disk->figures().written.failed, 3u);
  }
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("what was read is not kept on disk"), std::string::npos) << notes[0];
  EXPECT_FALSE(SegmentStore::Open(path_, true, &notes[0]).ok());
}

// The thread that writes has nobody above it to catch what a line throws.
TEST_F(DiskPrefixesTest, AWriterWithoutMemoryForALineGoesOn) {
  const Tokens text = StoredText(4);
  int lines = 0;
  {
    std::string note;
    const auto disk =
        DiskPrefixes::Open(SegmentStore::Open(path_, true, &note).value(),
                           SegmentStore::Open(path_, true, &note).value(), kTestModel, Layout(),
                           {.limit_bytes = 1,
                            .on_note =
                                [&](std::string_view) {
                                  ++lines;
                                  throw std::bad_alloc();
                                }})
            .value();
    disk->Write(0, text, std::make_shared<Sequence>(StateOf(pool_, text)));
  }
  EXPECT_EQ(lines, 1);
}

}  // namespace
}  // namespace hadal::cache
