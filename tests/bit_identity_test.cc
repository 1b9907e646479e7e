// A token's logits depend on its own sequence alone, bit for bit: not on how the prompt is cut into
// chunks, on what else is in the batch, on the number of threads, nor on forks and snapshots on the
// way.
//
// RapidCheck draws sequences, cuts and batches; what comes out is compared with one whole prefill.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <memory>
#include <sstream>

#include "base/random.h"
#include "model/attention.h"
#include "model/forward.h"
#include "model/moe.h"
#include "testing/close.h"
#include "walker.h"

namespace hadal {
namespace {

using arch::Numerics;
using tests::InOnePiece, tests::kVocab, tests::Logits, tests::Small, tests::SmallModel,
    tests::Tokens, tests::Walker;

constexpr std::size_t kLongest = 300;  // tokens: past two blocks of 128

// Lengths that fall on, just before and just after the ends of blocks, and any others.
rc::Gen<std::size_t> ChunkLength() {
  return rc::gen::weightedOneOf<std::size_t>(
      {{3, rc::gen::element<std::size_t>(1, 1, 2, 3, 4, 5, 7, 8, 9)},
       {2, rc::gen::element<std::size_t>(31, 63, 64, 65, 127, 128, 129)},
       {1, rc::gen::inRange<std::size_t>(1, kLongest)}});
}

Tokens DrawTokens() {
  const std::size_t count = *rc::gen::weightedOneOf<std::size_t>(
      {{1, rc::gen::inRange<std::size_t>(1, 20)},
       {1, rc::gen::element<std::size_t>(127, 128, 129, 255, 256, 257)},
       {1, rc::gen::inRange<std::size_t>(1, kLongest)}});
  return *rc::gen::container<Tokens>(count, rc::gen::inRange<std::int32_t>(0, kVocab));
}

// Advances the walkers with chunks and batches as drawn, until all are done.
void Walk(model::Forward& forward, std::vector<std::unique_ptr<Walker>>& walkers) {
  while (std::ranges::any_of(walkers, [](const auto& w) { return w->left() > 0; })) {
    std::vector<model::Chunk> batch;
    std::vector<Walker*> members;
    std::size_t room = forward.max_tokens();
    for (const auto& walker : walkers) {
      if (walker->left() == 0 || room == 0) continue;
      if (*rc::gen::inRange(0, 6) == 0)
        walker->Detour(forward, *rc::gen::inRange(0, Walker::kDetours));
      // Now and then a sequence sits a batch out; the first in line never does.
      if (!batch.empty() && *rc::gen::inRange(0, 4) == 0) continue;
      batch.push_back(walker->Next(std::min(room, *ChunkLength())));
      members.push_back(walker.get());
      room -= walker->count();
    }
    HADAL_CHECK(forward.Run(batch).ok());
    std::size_t row = 0;
    for (Walker* member : members) {
      const std::size_t rows = member->count();
      member->Collect(forward, row);
      row += rows;
    }
  }
}

struct Setting {
  const char* name;
  Numerics numerics;
  Small model;
};
void PrintTo(const Setting& setting, std::ostream* out) { *out << setting.name; }

class BitIdentity : public ::testing::TestWithParam<Setting> {};

TEST_P(BitIdentity, ChunksBatchesAndThreadsChangeNothing) {
  const Setting& setting = GetParam();
  const model::Model& model = SmallModel(setting.model);
  const auto property = [&] {
    Threads threads(*rc::gen::inRange<std::size_t>(1, 5));
    model::Forward forward = model::Forward::Create(model, setting.numerics, threads,
                                                    *rc::gen::inRange<std::size_t>(1, 200))
                                 .value();
    std::vector<std::unique_ptr<Walker>> walkers;
    const std::size_t count = *rc::gen::inRange<std::size_t>(1, 4);
    for (std::size_t i = 0; i < count; ++i)
      walkers.push_back(std::make_unique<Walker>(forward.layout(), DrawTokens()));
    Walk(forward, walkers);
    for (const auto& walker : walkers) {
      const Logits want = InOnePiece(model, setting.numerics, walker->tokens());
      const auto main = testing::SameBits(walker->logits().main, want.main);
      if (!main) RC_FAIL(std::string("logits: ") + main.message());
      const auto mtp = testing::SameBits(walker->logits().mtp, want.mtp);
      if (!mtp) RC_FAIL(std::string("MTP logits: ") + mtp.message());
    }
  };
  rc::detail::TestMetadata metadata;
  metadata.id = setting.name;
  rc::detail::TestParams params = rc::detail::configuration().testParams;
  params.maxSuccess = 15;
  const auto result = rc::detail::checkTestable(property, metadata, params);
  std::ostringstream text;
  rc::detail::printResultMessage(result, text);
  EXPECT_TRUE(result.template is<rc::detail::SuccessResult>()) << text.str();
}

INSTANTIATE_TEST_SUITE_P(
    Numerics, BitIdentity,
    ::testing::Values(Setting{"stored", Numerics::Stored(), Small::kPublished},
                      Setting{"stored_plain_weights", Numerics::Stored(), Small::kPlain},
                      Setting{"f32", Numerics::F32(), Small::kPublished},
                      Setting{"f32q", Numerics::F32q(), Small::kPublished},
                      Setting{"bf16", Numerics::Bf16(), Small::kPublished},
                      Setting{"v32_stored", Numerics::Stored(), Small::kV32},
                      Setting{"v32_f32", Numerics::F32(), Small::kV32},
                      Setting{"v32_f32q", Numerics::F32q(), Small::kV32ExactScales},
                      Setting{"v32_bf16", Numerics::Bf16(), Small::kV32}),
    [](const auto& test) { return std::string(test.param.name); });

// Batches longer than the parts that attention and experts go over them in (model/attention.h,
// model/moe.h).
TEST(BitIdentityLongBatch, PartsChangeNothing) {
  constexpr std::size_t kTokens = 700;
  static_assert(kTokens > 2 * model::kAttentionRows && 2 * kTokens > model::kExpertSlots);
  Tokens tokens(kTokens);
  Random random(8);
  for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(random.Below(kVocab));
  const std::pair<Small, Numerics> settings[] = {{Small::kPublished, Numerics::Stored()},
                                                 {Small::kPublished, Numerics::F32()},
                                                 {Small::kV32, Numerics::Stored()}};
  for (const auto& [which, numerics] : settings) {
    const model::Model& model = SmallModel(which);
    const Logits want = InOnePiece(model, numerics, tokens);
    Threads threads(2);
    model::Forward forward = model::Forward::Create(model, numerics, threads, 111).value();
    Walker walker(forward.layout(), tokens);
    while (walker.left() > 0) {
      const model::Chunk chunk = walker.Next(111);
      HADAL_CHECK(forward.Run({&chunk, 1}).ok());
      walker.Collect(forward, 0);
    }
    EXPECT_TRUE(testing::SameBits(walker.logits().main, want.main));
    EXPECT_TRUE(testing::SameBits(walker.logits().mtp, want.mtp));
  }
}

// The tests above would notice: another token somewhere in the past changes bits from there on.
TEST(BitIdentityControl, AnotherPastGivesOtherBits) {
  const model::Model& model = SmallModel(Small::kPublished);
  Tokens tokens(20);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<std::int32_t>(i);
  const Logits a = InOnePiece(model, Numerics::Stored(), tokens);
  tokens[10] = 40;
  const Logits b = InOnePiece(model, Numerics::Stored(), tokens);
  const std::span<const float> x(a.main), y(b.main);
  EXPECT_TRUE(testing::SameBits(x.first(10 * kVocab), y.first(10 * kVocab)));
  for (std::size_t p = 10; p < tokens.size(); ++p)
    EXPECT_FALSE(testing::SameBits(x.subspan(p * kVocab, kVocab), y.subspan(p * kVocab, kVocab)))
        << p;
}

}  // namespace
}  // namespace hadal
