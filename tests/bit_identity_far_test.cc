// A token's logits depend on its own sequence alone also where no property test reads its way to:
// up to the last position of a million, and on every instruction set.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/random.h"
#include "cache/random_state.h"
#include "kernels/isa.h"
#include "testing/close.h"
#include "testing/sanitized.h"
#include "walker.h"

namespace hadal {
namespace {

using arch::Numerics;
using tests::InOnePiece, tests::kVocab, tests::Logits, tests::Small, tests::SmallModel,
    tests::Tokens, tests::Walker;

// Sanitizers make it ten times as slow.
using testing::kSanitized;

// On from a random state, across the ends of blocks of 4 and pages of 128, up to the last position
// of a million; first each sequence by itself, then all in the same batches beside one that has
// just begun.
class BitIdentityFarOut : public ::testing::TestWithParam<Small> {
 protected:
  static constexpr std::size_t kTokens = 140;
  // V3.2 scores every token of the past, and keeps it whole: half a minute at 131,072.
  static std::vector<std::uint64_t> Starts() {
    if (GetParam() == Small::kV32) return {0, 65'536 - 70};
    if (kSanitized) return {0, 131'072 - 70};
    return {0, 131'072 - 70, 1'048'576 - kTokens};
  }
  static const model::Model& Model() { return SmallModel(GetParam()); }

  static std::unique_ptr<Walker> At(std::uint64_t start, const arch::KvLayout& layout,
                                    Threads& threads) {
    Tokens tokens(kTokens);
    for (std::size_t i = 0; i < kTokens; ++i)
      tokens[i] = static_cast<std::int32_t>(i * 17 % kVocab);
    auto sequence = cache::Sequence::Create(std::make_shared<cache::Pool>(layout)).value();
    HADAL_CHECK(
        cache::FillRandom(Model().config, Numerics::Stored(), start, 9, threads, &sequence).ok());
    return std::make_unique<Walker>(layout, std::move(tokens), std::move(sequence));
  }

  static void Run(model::Forward& forward, std::span<const std::unique_ptr<Walker>> walkers,
                  Random& random, std::size_t longest) {
    std::vector<model::Chunk> batch;
    for (const auto& walker : walkers) batch.push_back(walker->Next(1 + random.Below(longest)));
    std::erase_if(batch, [](const model::Chunk& chunk) { return chunk.tokens.empty(); });
    if (batch.empty()) return;
    HADAL_CHECK(forward.Run(batch).ok());
    std::size_t row = 0;
    for (const auto& walker : walkers) {
      const std::size_t rows = walker->count();
      if (rows > 0) walker->Collect(forward, row);
      row += rows;
    }
  }

  // By turns all in one batch, in random chunks, and each alone by one token, whose entries all
  // threads choose together; every turn is followed by detours.
  static void WalkTogether(std::span<const std::unique_ptr<Walker>> walkers, std::size_t threads) {
    Threads pool(threads);
    model::Forward forward =
        model::Forward::Create(Model(), Numerics::Stored(), pool, kTokens).value();
    Random random(threads);
    while (std::ranges::any_of(walkers, [](const auto& w) { return w->left() > 0; })) {
      Run(forward, walkers, random, 46);
      for (std::size_t i = 0; i < walkers.size(); ++i)
        Run(forward, walkers.subspan(i, 1), random, 1);
      for (const auto& walker : walkers)
        walker->Detour(forward, static_cast<int>(random.Below(Walker::kDetours)));
    }
  }
};

TEST_P(BitIdentityFarOut, ChunksBatchesForksAndSnapshotsChangeNothing) {
  std::vector<Logits> want;
  for (const std::uint64_t start : Starts()) {
    Threads threads(1);
    model::Forward forward =
        model::Forward::Create(Model(), Numerics::Stored(), threads, kTokens).value();
    const auto walker = At(start, forward.layout(), threads);
    const model::Chunk chunk = walker->Next(kTokens);
    HADAL_CHECK(forward.Run({&chunk, 1}).ok());
    walker->Collect(forward, 0);
    EXPECT_EQ(walker->position(), start + kTokens);
    want.push_back(walker->logits());
    for (const float logit : want.back().main) ASSERT_TRUE(std::isfinite(logit));
  }
  const arch::KvLayout layout(Model().config, Numerics::Stored());
  for (const std::size_t count : {2u, 3u, 4u}) {
    if (kSanitized && count != 3) continue;
    Threads threads(2);
    std::vector<std::unique_ptr<Walker>> walkers;
    for (const std::uint64_t start : Starts()) {
      if (start > 500'000 && count == 2) continue;  // a second or two each
      walkers.push_back(At(start, layout, threads));
    }
    WalkTogether(walkers, count);
    for (std::size_t i = 0; i < walkers.size(); ++i) {
      EXPECT_TRUE(testing::SameBits(walkers[i]->logits().main, want[i].main)) << i << " " << count;
      EXPECT_TRUE(testing::SameBits(walkers[i]->logits().mtp, want[i].mtp)) << i << " " << count;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, BitIdentityFarOut,
                         ::testing::Values(Small::kPublished, Small::kV32),
                         [](const auto& test) { return test.param == Small::kV32 ? "v32" : "v4"; });

// Every instruction set keeps the promise, and those with vectors give the same bits as each other.
class BitIdentityOnEveryIsa : public ::testing::TestWithParam<Small> {};
INSTANTIATE_TEST_SUITE_P(Architectures, BitIdentityOnEveryIsa,
                         ::testing::Values(Small::kPublished, Small::kV32, Small::kV32ExactScales));

TEST_P(BitIdentityOnEveryIsa, ChunksChangeNothingAndVectorsAgree) {
  const model::Model& model = SmallModel(GetParam());
  Tokens tokens(277);
  Random random(5);
  for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(random.Below(kVocab));
  std::vector<Logits> of_vectors;
  for (const kernels::Isa isa : kernels::RunnableIsas()) {
    kernels::SetActiveIsa(isa);
    const Logits want = InOnePiece(model, Numerics::Stored(), tokens);
    Threads threads(3);
    model::Forward forward =
        model::Forward::Create(model, Numerics::Stored(), threads, 150).value();
    Walker walker(forward.layout(), tokens);
    for (std::size_t i = 0; walker.left() > 0; ++i) {
      const std::size_t lengths[] = {1, 1, 2, 3, 5, 17, 126, 9};
      const model::Chunk chunk = walker.Next(lengths[i % std::size(lengths)]);
      HADAL_CHECK(forward.Run({&chunk, 1}).ok());
      walker.Collect(forward, 0);
    }
    EXPECT_TRUE(testing::SameBits(walker.logits().main, want.main)) << kernels::IsaName(isa);
    EXPECT_TRUE(testing::SameBits(walker.logits().mtp, want.mtp)) << kernels::IsaName(isa);
    if (isa != kernels::Isa::kRef) of_vectors.push_back(want);
  }
  kernels::SetActiveIsa(kernels::RunnableIsas().back());
  for (const Logits& logits : of_vectors) {
    EXPECT_TRUE(testing::SameBits(logits.main, of_vectors[0].main));
    EXPECT_TRUE(testing::SameBits(logits.mtp, of_vectors[0].mtp));
  }
}

}  // namespace
}  // namespace hadal
