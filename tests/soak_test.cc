// Thousands of random operations on sequences that share pages: append, fork, drop, snapshot,
// restore, take back, checkpoint. Memory is what the live sequences and checkpoints hold at every
// step and back to its start at the end; every now and then a sequence's next logits are compared,
// bit for bit, with those of a sequence that has only read.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>

#include "base/free_memory.h"
#include "base/progress.h"
#include "base/random.h"
#include "cache/checkpoint.h"
#include "cache/fingerprint.h"
#include "cache/sequence.h"
#include "cache/small_shape_test.h"
#include "cache/snapshot.h"
#include "convert/synth.h"
#include "model/forward.h"
#include "testing/close.h"
#include "testing/sanitized.h"
#include "testing/temp_folder.h"

namespace hadal {
namespace {

// Sanitizers make it slow, and keep what is freed.
using testing::kSanitized;
constexpr std::size_t kOperations = kSanitized ? 1500 : 10000;
constexpr std::size_t kVocab = 64, kMostSequences = 12, kMostSnapshots = 5, kMostCheckpoints = 4,
                      kMostTokens = 700;

model::Model MakeModel(const std::string& path, bool mtp) {
  Threads threads(1);
  const arch::Config small =
      arch::ChangeShape(cache::SmallShape(), {.layers = 3, .mtp = mtp}).value();
  HADAL_CHECK(
      convert::WriteRandomCheckpoint(small, path, {.write = {.quiet = true}}, threads).ok());
  return model::Model::Load(io::Checkpoint::Open(path).value()).value();
}

// tokens: what the sequence has read, and the one that comes next, which the MTP block knows
// already.
struct Live {
  cache::Sequence sequence;
  std::vector<std::int32_t> tokens;
};
struct Kept {
  cache::Checkpoint checkpoint;
  std::vector<std::int32_t> tokens;
};

class Soak {
 public:
  Soak(const model::Model& model, const arch::Numerics& numerics)
      : model_(model),
        threads_(2),
        forward_(model::Forward::Create(model, numerics, threads_, 64).value()),
        pool_(std::make_shared<cache::Pool>(forward_.layout())),
        fingerprint_(cache::Fingerprint(model, forward_.layout())),
        random_(2024) {}

  void Run(std::size_t operations) {
    for (std::size_t i = 0; i < operations; ++i) {
      Operate(random_.Below(22));
      ASSERT_EQ(pool_->used_bytes(), BytesHeld()) << "operation " << i;
      if (i % 97 == 0 && !live_.empty()) Check(live_[random_.Below(live_.size())]);
    }
    live_.clear();
    kept_.clear();
    EXPECT_EQ(pool_->used_bytes(), 0u);
  }

 private:
  void Operate(std::size_t kind) {
    const bool room = live_.size() < kMostSequences;
    if (live_.empty() || (kind == 0 && room)) {
      live_.push_back({cache::Sequence::Create(pool_).value(), {Token()}});
    } else if (kind < 9) {
      Append(live_[random_.Below(live_.size())]);
    } else if (kind < 11 && room) {
      const Live& from = live_[random_.Below(live_.size())];
      live_.push_back({from.sequence.Fork().value(), from.tokens});
    } else if (kind < 13) {
      live_.erase(live_.begin() + static_cast<std::ptrdiff_t>(random_.Below(live_.size())));
    } else if (kind < 15) {
      Save(live_[random_.Below(live_.size())]);
    } else if (kind < 18) {
      TakeBack(live_[random_.Below(live_.size())]);
    } else if (kind < 20) {
      Keep(live_[random_.Below(live_.size())]);
    } else if (kind == 20 && room && !saved_.empty()) {
      const std::size_t which = random_.Below(saved_.size());
      live_.push_back(
          {cache::LoadSnapshot(File(which), fingerprint_, pool_).value().sequence, saved_[which]});
    } else if (kind == 21 && room && !kept_.empty()) {
      const Kept& from = kept_[random_.Below(kept_.size())];
      live_.push_back({from.checkpoint.Restore().value(), from.tokens});
    }
  }

  std::int32_t Token() { return static_cast<std::int32_t>(random_.Below(kVocab)); }

  // Any length; every other time one that ends at, before or behind the end of a block, window or
  // page.
  std::size_t Length(std::size_t at) {
    const std::size_t any = 1 + random_.Below(40);
    if (random_.Below(2) == 0) return any;
    constexpr std::size_t kUnits[] = {4, 16, arch::kPageTokens};
    const std::size_t unit = kUnits[random_.Below(std::size(kUnits))];
    const std::size_t end = (at / unit + 1) * unit + random_.Below(3) - 1;
    return end > at && end - at <= forward_.max_tokens() ? end - at : any;
  }

  // The sequence reads its next token and others behind it.
  void Append(Live& live) {
    const std::size_t at = live.sequence.tokens();
    const std::size_t count = std::min(Length(at), kMostTokens - at);
    if (count == 0) return;
    for (std::size_t i = 0; i < count; ++i) live.tokens.push_back(Token());
    Read(live.sequence, live.tokens, count);
  }
  // On to `count` tokens more of the text.
  void Read(cache::Sequence& sequence, const std::vector<std::int32_t>& text, std::size_t count) {
    const std::span<const std::int32_t> rest = std::span(text).subspan(sequence.tokens());
    ASSERT_TRUE(sequence.Reserve(count).ok());
    const model::Chunk chunk{&sequence.state(), rest.first(count)};
    ASSERT_TRUE(forward_.Run({&chunk, 1}).ok());
    if (model_.mtp) {
      ASSERT_TRUE(forward_.RunMtp(sequence.state(), 0, rest.subspan(1, count)).ok());
    }
  }

  // The token that comes next stays, so that the MTP block has no position to do again; others
  // follow it.
  void TakeBack(Live& live) {
    const std::uint64_t now = live.sequence.tokens();
    const std::uint64_t to = now - random_.Below(now - live.sequence.earliest().tokens + 1);
    ASSERT_TRUE(live.sequence.Truncate(to, to).ok());
    live.tokens.resize(to + 1);
  }

  void Keep(const Live& live) {
    if (live.sequence.tokens() % arch::kPageTokens != 0) return;
    Kept kept{cache::Checkpoint::Take(live.sequence).value(), live.tokens};
    if (kept_.size() < kMostCheckpoints)
      kept_.push_back(std::move(kept));
    else
      kept_[random_.Below(kept_.size())] = std::move(kept);
  }

  void Save(const Live& live) {
    const std::size_t which =
        saved_.size() < kMostSnapshots ? saved_.size() : random_.Below(saved_.size());
    ASSERT_TRUE(cache::SaveSnapshot(live.sequence, fingerprint_, "", File(which)).ok());
    if (which == saved_.size()) saved_.emplace_back();
    saved_[which] = live.tokens;
  }
  std::string File(std::size_t which) const { return folder_.File(std::to_string(which)); }

  // Blocks that belong to someone, each once.
  std::uint64_t BytesHeld() const {
    std::set<const std::byte*> pages;
    for (const Live& live : live_)
      for (const std::byte* page : live.sequence.state().pages) pages.insert(page);
    for (const Kept& kept : kept_)
      for (const std::byte* page : kept.checkpoint.state().pages) pages.insert(page);
    return pages.size() * forward_.layout().page_bytes +
           (live_.size() + kept_.size()) * forward_.layout().fixed_bytes;
  }

  // Logits behind the next token, the MTP block's after the main ones.
  std::vector<float> Next(cache::Sequence& sequence, const std::vector<std::int32_t>& text) {
    std::vector<std::int32_t> longer = text;
    longer.push_back(7);
    Read(sequence, longer, 1);
    std::vector<float> logits(2 * kVocab);
    forward_.Logits(0, std::span(logits).first(kVocab));
    if (model_.mtp) forward_.MtpLogits(0, std::span(logits).last(kVocab));
    return logits;
  }

  void Check(Live& live) {
    cache::Sequence plain = cache::Sequence::Create(pool_).value();
    while (plain.tokens() < live.sequence.tokens())
      Read(plain, live.tokens,
           std::min<std::size_t>(forward_.max_tokens(), live.sequence.tokens() - plain.tokens()));
    cache::Sequence fork = live.sequence.Fork().value();
    EXPECT_TRUE(testing::SameBits(Next(fork, live.tokens), Next(plain, live.tokens)))
        << live.tokens.size();
  }

  const model::Model& model_;
  Threads threads_;
  model::Forward forward_;
  std::shared_ptr<cache::Pool> pool_;
  const std::uint64_t fingerprint_;
  Random random_;
  testing::TempFolder folder_;
  std::vector<Live> live_;
  std::vector<Kept> kept_;
  std::vector<std::vector<std::int32_t>> saved_;
};

class SoakTest : public ::testing::TestWithParam<bool> {};

// Packed entries and a model with an MTP block; float32 entries and one without.
TEST_P(SoakTest, RandomOperationsLeaveNothingBehind) {
  const bool packed = GetParam();
  const arch::Numerics numerics = packed ? arch::Numerics::Stored() : arch::Numerics::F32();
  const testing::TempFolder folder;
  const model::Model model = MakeModel(folder.File("m"), packed);
  { Soak(model, numerics).Run(50); }  // what the C++ runtime allocates once
  ReturnFreeMemory();
  const std::uint64_t before = ResidentBytes();
  { Soak(model, numerics).Run(packed ? kOperations * 3 / 4 : kOperations / 4); }
  ReturnFreeMemory();
  const std::uint64_t after = ResidentBytes();
  if (!kSanitized) {
    EXPECT_LT(after, before + 8'000'000);
  }
  RecordProperty("rss_before", std::to_string(before));
  RecordProperty("rss_after", std::to_string(after));
}

INSTANTIATE_TEST_SUITE_P(Soak, SoakTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "packed_mtp" : "f32"; });

}  // namespace
}  // namespace hadal
