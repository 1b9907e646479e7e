// Thousands of random operations on sequences that share pages: append, fork, drop, snapshot, restore.
// Memory is what the live sequences hold at every step and back to its start at the end; every now and
// then a sequence's next logits are compared, bit for bit, with those of a sequence that never forked.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <memory>
#include <set>

#include "base/progress.h"
#include "base/random.h"
#include "cache/fingerprint.h"
#include "cache/sequence.h"
#include "cache/small_shape_test.h"
#include "cache/snapshot.h"
#include "convert/synth.h"
#include "model/forward.h"
#include "testing/close.h"
#include "testing/temp_folder.h"

namespace hadal {
namespace {

// Sanitizers make it slow, and keep what is freed.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
constexpr std::size_t kOperations = kSanitized ? 1500 : 10000;
constexpr std::size_t kVocab = 64, kMostSequences = 12, kMostSnapshots = 5, kMostTokens = 700;

model::Model MakeModel(const std::string& path) {
  Threads threads(1);
  const arch::Config small = arch::ChangeShape(cache::SmallShape(), {.layers = 3}).value();
  HADAL_CHECK(convert::WriteRandomCheckpoint(small, path, {.quiet = true}, threads).ok());
  return model::Model::Load(io::Checkpoint::Open(path).value()).value();
}

struct Live {
  cache::Sequence sequence;
  std::vector<std::int32_t> tokens;
};

class Soak {
 public:
  explicit Soak(const model::Model& model)
      : model_(model),
        threads_(2),
        forward_(model::Forward::Create(model, arch::Numerics::Stored(), threads_, 64).value()),
        pool_(std::make_shared<cache::Pool>(forward_.layout())),
        fingerprint_(cache::Fingerprint(model, forward_.layout())),
        random_(2024) {}

  void Run(std::size_t operations) {
    for (std::size_t i = 0; i < operations; ++i) {
      Operate(random_.Below(16));
      ASSERT_EQ(pool_->used_bytes(), BytesHeld()) << "operation " << i;
      if (i % 97 == 0 && !live_.empty()) Check(live_[random_.Below(live_.size())]);
    }
    live_.clear();
    EXPECT_EQ(pool_->used_bytes(), 0u);
  }

 private:
  void Operate(std::size_t kind) {
    if (live_.empty() || (kind == 0 && live_.size() < kMostSequences)) {
      live_.push_back({cache::Sequence::Create(pool_).value(), {}});
    } else if (kind < 9) {
      Append(live_[random_.Below(live_.size())]);
    } else if (kind < 11 && live_.size() < kMostSequences) {
      const Live& from = live_[random_.Below(live_.size())];
      live_.push_back({from.sequence.Fork().value(), from.tokens});
    } else if (kind < 13) {
      live_.erase(live_.begin() + static_cast<std::ptrdiff_t>(random_.Below(live_.size())));
    } else if (kind < 15) {
      Save(live_[random_.Below(live_.size())]);
    } else if (!saved_.empty() && live_.size() < kMostSequences) {
      const std::size_t which = random_.Below(saved_.size());
      live_.push_back(
          {cache::LoadSnapshot(File(which), fingerprint_, pool_).value().sequence, saved_[which]});
    }
  }

  void Append(Live& live) {
    const std::size_t count = std::min(1 + random_.Below(40), kMostTokens - live.tokens.size());
    if (count == 0) return;
    std::vector<std::int32_t> tokens(count);
    for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(random_.Below(kVocab));
    ASSERT_TRUE(live.sequence.Reserve(count).ok());
    const model::Chunk chunk{&live.sequence.state(), tokens};
    HADAL_CHECK(forward_.Run({&chunk, 1}).ok());
    live.tokens.insert(live.tokens.end(), tokens.begin(), tokens.end());
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
    return pages.size() * forward_.layout().page_bytes +
           live_.size() * forward_.layout().fixed_bytes;
  }

  std::vector<float> Next(cache::Sequence& sequence, std::int32_t token) {
    HADAL_CHECK(sequence.Reserve(1).ok());
    const model::Chunk chunk{&sequence.state(), {&token, 1}};
    HADAL_CHECK(forward_.Run({&chunk, 1}).ok());
    std::vector<float> logits(kVocab);
    forward_.Logits(0, logits);
    return logits;
  }

  void Check(Live& live) {
    cache::Sequence plain = cache::Sequence::Create(pool_).value();
    ASSERT_TRUE(plain.Reserve(live.tokens.size()).ok());
    for (std::size_t at = 0; at < live.tokens.size(); at += 64) {
      const std::span<const std::int32_t> rest = std::span(live.tokens).subspan(at);
      const model::Chunk chunk{&plain.state(), rest.first(std::min<std::size_t>(64, rest.size()))};
      HADAL_CHECK(forward_.Run({&chunk, 1}).ok());
    }
    cache::Sequence fork = live.sequence.Fork().value();
    EXPECT_TRUE(testing::SameBits(Next(fork, 7), Next(plain, 7))) << live.tokens.size();
  }

  const model::Model& model_;
  Threads threads_;
  model::Forward forward_;
  std::shared_ptr<cache::Pool> pool_;
  const std::uint64_t fingerprint_;
  Random random_;
  testing::TempFolder folder_;
  std::vector<Live> live_;
  std::vector<std::vector<std::int32_t>> saved_;
};

TEST(Soak, RandomOperationsLeaveNothingBehind) {
  const testing::TempFolder folder;
  const model::Model model = MakeModel(folder.File("m"));
  { Soak(model).Run(50); }  // what the C++ runtime allocates once
  malloc_trim(0);
  const std::uint64_t before = ResidentBytes();
  { Soak(model).Run(kOperations); }
  malloc_trim(0);
  const std::uint64_t after = ResidentBytes();
  if (!kSanitized) {
    EXPECT_LT(after, before + 8'000'000);
  }
  RecordProperty("rss_before", std::to_string(before));
  RecordProperty("rss_after", std::to_string(after));
}

}  // namespace
}  // namespace hadal
