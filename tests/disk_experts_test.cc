// Experts that are read when they are wanted change no bit, whatever the budget, what was held
// before, and when and in which order reads come back; and a read that fails ends the pass, no
// more.
#include "model/disk_experts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/random.h"
#include "model/expert_runner.h"
#include "testing/close.h"
#include "walker.h"

namespace hadal {
namespace {

using arch::Numerics;
using model::DiskExperts;
using tests::InOnePiece, tests::kVocab, tests::Logits, tests::Small, tests::SmallModel,
    tests::Tokens, tests::Walker, tests::WriteSmall;

// Reads what it was given late, in random order, and one at a time; nothing while it is held up.
class LateReader final : public io::Reader {
 public:
  LateReader(Done done, std::uint64_t seed) : done_(std::move(done)), random_(seed) {
    thread_ = std::thread([this] { Work(); });
  }
  ~LateReader() override {
    over_ = true;
    thread_.join();
  }
  void Submit(const io::Read& read) override {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(read);
  }
  void Raise(std::uint64_t, io::Urgency) override {}
  void HoldUp(bool hold) { held_up_ = hold; }

 private:
  void Work() {
    while (!over_) {
      std::optional<io::Read> read;
      {
        const std::lock_guard lock(mutex_);
        if (!waiting_.empty() && !held_up_) {
          std::swap(waiting_[random_.Below(waiting_.size())], waiting_.back());
          read = waiting_.back();
          waiting_.pop_back();
        }
      }
      if (!read) {
        std::this_thread::yield();
        continue;
      }
      const std::span<std::byte> to(read->to, read->range.hull_bytes());
      const Status status = read->file->Read(read->range, to);
      std::this_thread::sleep_for(std::chrono::microseconds(random_.Below(60)));
      done_(read->id, status);
    }
  }

  const Done done_;
  Random random_;
  std::mutex mutex_;
  std::vector<io::Read> waiting_;
  std::atomic<bool> over_{false}, held_up_{false};
  std::thread thread_;
};

model::Model OpenOnDisk(const std::string& path) {
  auto checkpoint = io::Checkpoint::OpenUnmapped(path, model::DenseWeights());
  HADAL_CHECK(checkpoint.ok());
  return model::Model::Load(std::move(*checkpoint)).value();
}

Tokens SomeTokens(std::size_t count) {
  Tokens tokens(count);
  Random random(count);
  for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(random.Below(kVocab));
  return tokens;
}

Result<Logits> Through(model::ExpertSource& source, const model::Model& model,
                       const Numerics& numerics, const Tokens& tokens, std::size_t chunk) {
  Threads threads(2);
  model::LocalExpertRunner runner(source);
  auto forward = model::Forward::Create(model, numerics, threads, chunk, &runner).value();
  Walker walker(forward.layout(), tokens);
  while (walker.left() > 0) {
    const model::Chunk next = walker.Next(chunk);
    HADAL_TRY_STATUS(forward.Run({&next, 1}));
    walker.Collect(forward, 0);
  }
  return walker.logits();
}

std::uint64_t SlotBytes(const model::Model& model) {
  return model::ExpertPlaces::Of(model).slot_bytes();
}

// The fewest and the most bytes that reading an expert takes: its blocks and no others.
std::pair<std::uint64_t, std::uint64_t> ReadBytes(const model::Model& model) {
  const model::ExpertPlaces places = model::ExpertPlaces::Of(model);
  std::uint64_t least = ~std::uint64_t{0}, most = 0;
  for (std::size_t l = 0; l < places.layers(); ++l)
    for (std::size_t e = 0; e < places.experts(l); ++e) {
      std::uint64_t bytes = 0;
      for (const model::ExpertRead& read : places.At(l, e).reads) bytes += read.range.hull_bytes();
      least = std::min(least, bytes);
      most = std::max(most, bytes);
    }
  return {least, most};
}

class DiskExpertsTest : public ::testing::TestWithParam<Small> {
 protected:
  void SetUp() override { ASSERT_TRUE(WriteSmall(GetParam(), folder_.path()).ok()); }
  testing::TempFolder folder_;
};

TEST_P(DiskExpertsTest, NoBudgetAndNoOrderOfReadsChangesABit) {
  const model::Model& mapped = SmallModel(GetParam());
  const model::Model model = OpenOnDisk(folder_.path());
  EXPECT_GT(model.checkpoint().resident_bytes(), 0u);
  const std::uint64_t slot = SlotBytes(model);
  for (const Numerics& numerics : {Numerics::Stored(), Numerics::F32()}) {
    for (const auto& [count, chunk] : {std::pair{9u, 1u}, {40u, 7u}, {400u, 400u}}) {
      const Tokens tokens = SomeTokens(count);
      const Logits want = InOnePiece(mapped, numerics, tokens);
      for (const std::uint64_t slots : {1u, 2u, 3u, 5u, 11u, 1000u}) {
        for (const bool late : {true, false}) {
          DiskExperts::Options options{.bytes = slots * slot + slot / 2};
          if (late)
            options.reader = [&](io::Reader::Done done) -> Result<std::unique_ptr<io::Reader>> {
              return std::unique_ptr<io::Reader>(
                  std::make_unique<LateReader>(std::move(done), slots));
            };
          const auto source = DiskExperts::Create(model, options).value();
          const auto got = Through(*source, model, numerics, tokens, chunk);
          ASSERT_TRUE(got.ok()) << got.error().what;
          EXPECT_TRUE(testing::SameBits(got->main, want.main)) << count << " " << slots;
          EXPECT_TRUE(testing::SameBits(got->mtp, want.mtp)) << count << " " << slots;
          const model::DiskExpertFigures figures = source->figures();
          EXPECT_LE(figures.slots, slots);
          EXPECT_LE(figures.held + figures.coming, figures.wanted);
          EXPECT_GT(figures.reads, 0u);
          EXPECT_LE(figures.missed, figures.wanted);
          EXPECT_GE(figures.missed, figures.wanted - figures.held - figures.coming);
          EXPECT_LE(figures.missed_by_token, figures.missed);
          const auto [least, most] = ReadBytes(model);
          EXPECT_GE(figures.read_bytes, figures.reads * least);
          EXPECT_LE(figures.read_bytes, figures.reads * most);
        }
      }
    }
  }
}

// Slots that come and go between passes.
TEST_P(DiskExpertsTest, NoLoanChangesABit) {
  const model::Model model = OpenOnDisk(folder_.path());
  const std::uint64_t slot = SlotBytes(model);
  const Tokens tokens = SomeTokens(150);
  const Logits want = InOnePiece(SmallModel(GetParam()), Numerics::Stored(), tokens);
  const auto source =
      DiskExperts::Create(model, {.bytes = 3 * slot, .loan_bytes = 6 * slot}).value();
  EXPECT_EQ(source->lent_bytes(), 6 * slot);
  Threads threads(2);
  model::LocalExpertRunner runner(*source);
  auto forward = model::Forward::Create(model, Numerics::Stored(), threads, 20, &runner).value();
  Walker walker(forward.layout(), tokens);
  Random random(9);
  std::uint64_t given = 0;
  while (walker.left() > 0) {
    const model::Chunk next = walker.Next(1 + random.Below(20));
    ASSERT_TRUE(forward.Run({&next, 1}).ok());
    walker.Collect(forward, 0);
    for (std::uint64_t i = random.Below(4); i > 0 && source->GiveBack(); --i) ++given;
    source->TakeMore(random.Below(4));
    const model::DiskExpertFigures figures = source->figures();
    ASSERT_EQ(figures.slots * slot, 3 * slot + source->lent_bytes());
    ASSERT_EQ(source->lendable(), 9 - figures.slots);
  }
  EXPECT_GT(given, 10u);
  EXPECT_TRUE(testing::SameBits(walker.logits().main, want.main));
  EXPECT_TRUE(testing::SameBits(walker.logits().mtp, want.mtp));
  while (source->lent_bytes() > 0) ASSERT_TRUE(source->GiveBack());
  EXPECT_FALSE(source->GiveBack());  // the others are its own
}

// With room for all, each expert is read once; what is read again was not held.
TEST_P(DiskExpertsTest, WhatIsHeldIsNotReadAgain) {
  const model::Model model = OpenOnDisk(folder_.path());
  const auto source = DiskExperts::Create(model, {.bytes = std::uint64_t{1} << 40}).value();
  const Tokens tokens = SomeTokens(60);
  ASSERT_TRUE(Through(*source, model, Numerics::Stored(), tokens, 3).ok());
  const model::DiskExpertFigures once = source->figures();
  EXPECT_LE(once.reads, once.slots);
  ASSERT_TRUE(Through(*source, model, Numerics::Stored(), tokens, 3).ok());
  const model::DiskExpertFigures again = source->figures() - once;
  EXPECT_EQ(again.reads, 0u);
  EXPECT_EQ(again.held, again.wanted);
  EXPECT_GT(once.missed, 0u);
  EXPECT_LE(once.missed, once.reads);
  EXPECT_EQ(again.missed, 0u);
}

// What is read for a right guess is a miss as what was not guessed is; a wrong guess that stays is
// a hit the next time.
TEST_P(DiskExpertsTest, AMissIsWhatWasReadForIt) {
  const model::Model model = OpenOnDisk(folder_.path());
  const auto source = DiskExperts::Create(model, {.bytes = std::uint64_t{1} << 40}).value();
  const std::size_t layer = model.layers.size() - 1;  // of scores
  ASSERT_TRUE(model.layers[layer].ffn.tid2eid.empty());
  const std::vector<std::uint32_t> guess = {0, 2}, right = {0, 1}, wrong = {2};
  const auto pass = [&](std::size_t of, const std::vector<std::uint32_t>& wanted) {
    source->Announce(of, wanted);
    for (std::vector<std::uint32_t> left = wanted; !left.empty();) {
      const auto held = source->Acquire(of, left, {}).value();
      source->Release(of, held);
      for (const model::HeldExpert& expert : held) std::erase(left, expert.expert);
    }
    return source->figures();
  };
  source->Guess(layer, guess);
  EXPECT_EQ(pass(layer, right).missed, 2u);
  EXPECT_EQ(pass(layer, right).missed, 2u);
  EXPECT_EQ(pass(layer, wrong).missed, 2u);
  EXPECT_EQ(source->figures().missed_by_token, 0u);
  EXPECT_EQ(source->figures().guessed, 2u);
  EXPECT_EQ(source->figures().guessed_right, 1u);
  if (model.layers[0].ffn.tid2eid.empty()) return;
  source->Guess(0, right);  // the token tells it: no guess
  EXPECT_EQ(pass(0, right).missed, 4u);
  EXPECT_EQ(source->figures().missed_by_token, 2u);
  EXPECT_EQ(source->figures().guessed, 2u);
  EXPECT_EQ(source->figures().guessed_right, 1u);
}

// The checkpoint as published: an expert's weights lie together, and so do its scales.
TEST_P(DiskExpertsTest, SlotsHoldAnExpertAndItsBlocksAlone) {
  const model::Model model = OpenOnDisk(folder_.path());
  const model::ExpertPlaces places = model::ExpertPlaces::Of(model);
  for (std::size_t l = 0; l < places.layers(); ++l)
    for (std::size_t e = 0; e < places.experts(l); ++e) {
      const model::ExpertPlace& place = places.At(l, e);
      std::uint64_t at = 0;
      ASSERT_FALSE(place.reads.empty());
      for (const model::ExpertRead& read : place.reads) {
        EXPECT_EQ(read.at, at);
        at += read.range.hull_bytes();
      }
      EXPECT_LE(at, places.slot_bytes());
    }
}

TEST_P(DiskExpertsTest, AFileThatIsCutShortEndsThePassAlone) {
  const model::Model model = OpenOnDisk(folder_.path());
  const auto source = DiskExperts::Create(model, {.bytes = 4 * SlotBytes(model)}).value();
  std::string path;
  for (const std::string& name : folder_.Names())
    if (name.ends_with(".safetensors")) path = folder_.File(name);
  const std::string whole = io::ReadFile(path).value();
  std::filesystem::resize_file(path, 8192);
  const Tokens tokens = SomeTokens(20);
  const auto broken = Through(*source, model, Numerics::Stored(), tokens, 5);
  ASSERT_FALSE(broken.ok());
  EXPECT_NE(broken.error().what.find(path + ": found its end at byte "), std::string::npos)
      << broken.error().what;
  {  // the same file, whole again
    std::ofstream(path, std::ios::binary | std::ios::in | std::ios::out) << whole;
  }
  const auto mended = Through(*source, model, Numerics::Stored(), tokens, 5);
  ASSERT_TRUE(mended.ok()) << mended.error().what;
  const Logits want = InOnePiece(SmallModel(GetParam()), Numerics::Stored(), tokens);
  EXPECT_TRUE(testing::SameBits(mended->main, want.main));
}

TEST_P(DiskExpertsTest, WhatMayNotBeIsRefused) {
  const model::Model model = OpenOnDisk(folder_.path());
  const auto none = DiskExperts::Create(model, {.bytes = SlotBytes(model) - 1});
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, Code::kExhausted);
  const auto dense =
      io::Checkpoint::OpenUnmapped(folder_.path(), model::DenseWeights({.most_bytes = 1000}));
  ASSERT_FALSE(dense.ok());
  EXPECT_EQ(dense.error().code, Code::kExhausted);
  const auto source = DiskExperts::Create(model, {.bytes = SlotBytes(model)}).value();
  std::size_t layer = 0;
  while (model.LayerAt(layer).ffn.experts.empty()) ++layer;
  const std::vector<std::uint32_t> first = {0}, second = {1};
  const auto held = source->Acquire(layer, first, {});
  ASSERT_TRUE(held.ok());
  EXPECT_FALSE(source->Acquire(layer, second, {}).ok());  // its only slot is in use
  source->Release(layer, *held);
  EXPECT_TRUE(source->Acquire(layer, second, {}).ok());
}

TEST_P(DiskExpertsTest, AStopActsWhileAReadIsAwaited) {
  const model::Model model = OpenOnDisk(folder_.path());
  LateReader* reader = nullptr;
  const auto source =
      DiskExperts::Create(model, {.bytes = 4 * SlotBytes(model),
                                  .reader =
                                      [&](io::Reader::Done done) {
                                        auto made =
                                            std::make_unique<LateReader>(std::move(done), 1);
                                        reader = made.get();
                                        return Result<std::unique_ptr<io::Reader>>(std::move(made));
                                      }})
          .value();
  const Tokens tokens = SomeTokens(9);
  {
    Threads threads(2);
    model::LocalExpertRunner runner(*source);
    auto forward = model::Forward::Create(model, Numerics::Stored(), threads, 9, &runner).value();
    Walker walker(forward.layout(), tokens);
    const model::Chunk chunk = walker.Next(9);
    reader->HoldUp(true);
    std::atomic<bool> stop{false};
    const Stopwatch clock;
    std::thread stopping([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      stop = true;
    });
    const Status done = forward.Run({&chunk, 1}, [&] { return stop.load(); });
    const double seconds = clock.seconds();
    stopping.join();
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code, Code::kCancelled);
    EXPECT_GE(seconds, 0.1);  // it did wait for a read
    EXPECT_LT(seconds, 30);   // and not for its end, which does not come
  }
  reader->HoldUp(false);
  const auto got = Through(*source, model, Numerics::Stored(), tokens, 4);
  ASSERT_TRUE(got.ok()) << got.error().what;
  EXPECT_TRUE(testing::SameBits(
      got->main, InOnePiece(SmallModel(GetParam()), Numerics::Stored(), tokens).main));
}

std::string NameOfSmall(const ::testing::TestParamInfo<Small>& small) {
  constexpr const char* kNames[] = {"Plain", "Published", "V32", "V32ExactScales"};
  return kNames[static_cast<std::size_t>(small.param)];
}

INSTANTIATE_TEST_SUITE_P(Models, DiskExpertsTest,
                         ::testing::Values(Small::kPlain, Small::kPublished, Small::kV32,
                                           Small::kV32ExactScales),
                         NameOfSmall);

}  // namespace
}  // namespace hadal
