// A token's logits depend on its own sequence alone, bit for bit: not on how the prompt is cut into
// chunks, on what else is in the batch, on the number of threads, nor on forks and snapshots on the way.
//
// RapidCheck draws sequences, cuts and batches; what comes out is compared with one whole prefill.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <sstream>

#include "base/random.h"
#include "cache/random_state.h"
#include "cache/sequence.h"
#include "cache/snapshot.h"
#include "model/forward.h"
#include "model/pass.h"
#include "reference/random_checkpoint.h"
#include "testing/close.h"
#include "testing/temp_folder.h"

namespace hadal {
namespace {

using model::Numerics;
using Tokens = std::vector<std::int32_t>;

constexpr std::size_t kLongest = 300;  // tokens: past two blocks of 128
constexpr std::size_t kVocab = 61;

// Models made once for the program: one of plain weights, one in the published formats.
const model::Model& SmallModel(bool published) {
  static const testing::TempFolder folders[2];
  static std::map<bool, model::Model> models;
  const auto found = models.find(published);
  if (found != models.end()) return found->second;
  reference::CheckpointSpec spec;
  spec.seed = published ? 22 : 21;
  spec.vocab = kVocab;
  spec.window = 9;
  if (published) {
    spec.storage = reference::Storage::kPublished;
    spec.dim = 96;
    spec.o_lora = 64;
  }
  const std::string& path = folders[published].path();
  HADAL_CHECK(reference::WriteRandomCheckpoint(spec, path).ok());
  auto model = model::Model::Load(*io::Checkpoint::Open(path));
  HADAL_CHECK(model.ok());
  return models.emplace(published, std::move(*model)).first->second;
}

// All logits, main and MTP, of one sequence.
struct Logits {
  std::vector<float> main, mtp;
};

// A sequence on its way through some number of chunks.
class Walker {
 public:
  Walker(const model::KvLayout& layout, Tokens tokens)
      : tokens_(std::move(tokens)), sequence_(layout) {
    HADAL_CHECK(sequence_.Reserve(tokens_.size()).ok());
    logits_.main.resize(tokens_.size() * kVocab);
    logits_.mtp.resize((tokens_.size() - 1) * kVocab);
  }
  // On from where `sequence` is.
  Walker(const model::KvLayout& layout, Tokens tokens, cache::Sequence sequence)
      : Walker(layout, std::move(tokens)) {
    sequence_ = std::move(sequence);
    HADAL_CHECK(sequence_.Reserve(tokens_.size()).ok());
  }
  std::uint64_t position() const { return sequence_.tokens(); }
  std::size_t left() const { return tokens_.size() - at_; }
  model::Chunk Next(std::size_t count) {
    count_ = std::min(count, left());
    return {&sequence_.state(), std::span<const std::int32_t>(tokens_).subspan(at_, count_)};
  }
  std::size_t count() const { return count_; }
  // After the batch that Next was part of, whose rows begin at `row`.
  void Collect(model::Forward& forward, std::size_t row) {
    for (std::size_t i = 0; i < count_; ++i) forward.Logits(row + i, Row(logits_.main, at_ + i));
    const std::size_t pairs = std::min(count_, tokens_.size() - 1 - at_);
    if (pairs > 0) {
      forward.RunMtp(sequence_.state(), row,
                     std::span<const std::int32_t>(tokens_).subspan(at_ + 1, pairs));
      for (std::size_t i = 0; i < pairs; ++i) forward.MtpLogits(i, Row(logits_.mtp, at_ + i));
    }
    at_ += count_;
  }
  // Leaves the path and comes back to it: by way of a file, or as a fork, or as what was forked, while
  // the other of the two goes on with other tokens.
  void Detour(model::Forward& forward, int kind) {
    if (kind == 0) {
      static const testing::TempFolder folder;
      const std::string path = folder.File("snapshot");
      HADAL_CHECK(cache::SaveSnapshot(sequence_, 5, "", path).ok());
      auto pool = std::make_shared<cache::Pool>(forward.layout());
      sequence_ = cache::LoadSnapshot(path, 5, std::move(pool)).value().sequence;
    } else {
      cache::Sequence other = sequence_.Fork().value();
      if (kind == 1) std::swap(other, sequence_);
      const Tokens noise(std::min<std::size_t>(forward.max_tokens(), 70), 3);
      HADAL_CHECK(other.Reserve(noise.size()).ok());
      const model::Chunk chunk{&other.state(), noise};
      forward.Run({&chunk, 1});
    }
    HADAL_CHECK(sequence_.Reserve(left()).ok());
  }
  const Logits& logits() const { return logits_; }
  const Tokens& tokens() const { return tokens_; }

 private:
  static std::span<float> Row(std::vector<float>& rows, std::size_t row) {
    return std::span<float>(rows).subspan(row * kVocab, kVocab);
  }
  Tokens tokens_;
  cache::Sequence sequence_;
  std::size_t at_ = 0, count_ = 0;
  Logits logits_;
};

Logits InOnePiece(const model::Model& model, const Numerics& numerics, const Tokens& tokens) {
  Threads threads(1);
  model::Forward forward(model, numerics, threads, tokens.size());
  Walker walker(forward.layout(), tokens);
  const model::Chunk chunk = walker.Next(tokens.size());
  forward.Run({&chunk, 1});
  walker.Collect(forward, 0);
  return walker.logits();
}

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
      if (*rc::gen::inRange(0, 6) == 0) walker->Detour(forward, *rc::gen::inRange(0, 3));
      // Now and then a sequence sits a batch out; the first in line never does.
      if (!batch.empty() && *rc::gen::inRange(0, 4) == 0) continue;
      batch.push_back(walker->Next(std::min(room, *ChunkLength())));
      members.push_back(walker.get());
      room -= walker->count();
    }
    forward.Run(batch);
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
  bool published;
};
void PrintTo(const Setting& setting, std::ostream* out) { *out << setting.name; }

class BitIdentity : public ::testing::TestWithParam<Setting> {};

TEST_P(BitIdentity, ChunksBatchesAndThreadsChangeNothing) {
  const Setting& setting = GetParam();
  const model::Model& model = SmallModel(setting.published);
  const auto property = [&] {
    Threads threads(*rc::gen::inRange<std::size_t>(1, 5));
    model::Forward forward(model, setting.numerics, threads,
                           *rc::gen::inRange<std::size_t>(1, 200));
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

INSTANTIATE_TEST_SUITE_P(Numerics, BitIdentity,
                         ::testing::Values(Setting{"stored", Numerics::Stored(), true},
                                           Setting{"stored_plain_weights", Numerics::Stored(),
                                                   false},
                                           Setting{"f32", Numerics::F32(), true},
                                           Setting{"f32q", Numerics::F32q(), true},
                                           Setting{"bf16", Numerics::Bf16(), true}),
                         [](const auto& test) { return std::string(test.param.name); });

// Batches longer than the parts that attention and experts go over them in (model/pass.h).
TEST(BitIdentityLongBatch, PartsChangeNothing) {
  static_assert(700 > 2 * model::kAttentionRows && 700 * 2 > model::kExpertSlots);
  const model::Model& model = SmallModel(true);
  Tokens tokens(700);
  Random random(8);
  for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(random.Below(kVocab));
  for (const Numerics& numerics : {Numerics::Stored(), Numerics::F32()}) {
    const Logits want = InOnePiece(model, numerics, tokens);
    Threads threads(2);
    model::Forward forward(model, numerics, threads, 111);
    Walker walker(forward.layout(), tokens);
    while (walker.left() > 0) {
      const model::Chunk chunk = walker.Next(111);
      forward.Run({&chunk, 1});
      walker.Collect(forward, 0);
    }
    EXPECT_TRUE(testing::SameBits(walker.logits().main, want.main));
    EXPECT_TRUE(testing::SameBits(walker.logits().mtp, want.mtp));
  }
}

// The same far out, at positions that no test could read its way to: on from a random state, across the
// ends of blocks of 4 and pages of 128, up to the last position of a million.
TEST(BitIdentityFarOut, ChunksForksAndSnapshotsChangeNothing) {
  const model::Model& model = SmallModel(true);
  constexpr std::size_t kTokens = 140;
  for (const std::uint64_t start :
       {std::uint64_t{131'072 - 70}, std::uint64_t{1'048'576 - kTokens}}) {
    Tokens tokens(kTokens);
    for (std::size_t i = 0; i < kTokens; ++i)
      tokens[i] = static_cast<std::int32_t>(i * 17 % kVocab);
    const auto filled = [&](const model::KvLayout& layout, Threads& threads) {
      auto sequence = cache::Sequence::Create(std::make_shared<cache::Pool>(layout)).value();
      HADAL_CHECK(
          cache::FillRandom(model.config, Numerics::Stored(), start, 9, threads, &sequence).ok());
      return sequence;
    };
    std::vector<float> want;
    for (const std::size_t count : {1, 2, 4}) {
      if (count == 2 && start > 500'000) continue;  // a second or two each
      Threads threads(count);
      model::Forward forward(model, Numerics::Stored(), threads, kTokens);
      Walker walker(forward.layout(), tokens, filled(forward.layout(), threads));
      Random random(start + count);
      while (walker.left() > 0) {
        // The first goes in one piece, undisturbed.
        const model::Chunk chunk = walker.Next(count == 1 ? kTokens : 1 + random.Below(61));
        forward.Run({&chunk, 1});
        walker.Collect(forward, 0);
        if (count > 1) walker.Detour(forward, static_cast<int>(random.Below(3)));
      }
      if (count == 1) want = walker.logits().main;
      EXPECT_TRUE(testing::SameBits(walker.logits().main, want)) << start << " " << count;
      EXPECT_EQ(walker.position(), start + kTokens);
    }
    for (const float logit : want) ASSERT_TRUE(std::isfinite(logit));
  }
}

// The tests above would notice: another token somewhere in the past changes bits from there on.
TEST(BitIdentityControl, AnotherPastGivesOtherBits) {
  const model::Model& model = SmallModel(true);
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
