// A sequence that went on and came back gives the bits of one that was never there: around the ends
// of the window, of blocks of 4 and of pages of 128, with the MTP block and without, with packed
// entries and float32 ones, on every instruction set; and so do those that share pages with it.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "base/random.h"
#include "cache/checkpoint.h"
#include "kernels/isa.h"
#include "testing/close.h"
#include "walker.h"

namespace hadal {
namespace {

using arch::kPageTokens, arch::kReturnTokens, arch::Numerics;
using tests::InOnePiece, tests::kVocab, tests::Logits, tests::Small, tests::SmallModel,
    tests::Tokens;

constexpr std::size_t kWindow = 9;  // of SmallModel

Tokens SomeTokens(std::size_t count, std::uint64_t seed) {
  Tokens tokens(count);
  Random random(seed);
  for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(random.Below(kVocab));
  return tokens;
}

std::int32_t Another(std::int32_t token) { return (token + 1) % static_cast<std::int32_t>(kVocab); }

std::span<const float> Row(const std::vector<float>& rows, std::size_t row) {
  return std::span(rows).subspan(row * kVocab, kVocab);
}

// A text, what a sequence that reads nothing else says of it, and sequences on their way through
// it.
class Text {
 public:
  Text(const model::Model& model, const Numerics& numerics, Tokens tokens, bool mtp = true)
      : tokens_(std::move(tokens)),
        want_(InOnePiece(model, numerics, tokens_)),
        threads_(1),
        forward_(model::Forward::Create(model, numerics, threads_, 64).value()),
        mtp_(mtp) {}

  const Tokens& tokens() const { return tokens_; }
  const Logits& want() const { return want_; }
  model::Forward& forward() { return forward_; }
  cache::Sequence Begin() { return cache::Sequence::Create(forward_.layout()).value(); }

  // The sequence reads `tokens` in chunks of at most `chunk`, whatever they say; `next` follows
  // them.
  void Read(cache::Sequence& sequence, std::span<const std::int32_t> tokens, std::int32_t next,
            std::size_t chunk = 64) {
    HADAL_CHECK(sequence.Reserve(tokens.size()).ok());
    Tokens followers(tokens.begin(), tokens.end());
    followers.push_back(next);
    for (std::size_t at = 0; at < tokens.size(); at += chunk) {
      const auto part = tokens.subspan(at, std::min(chunk, tokens.size() - at));
      const model::Chunk of{&sequence.state(), part};
      HADAL_CHECK(forward_.Run({&of, 1}).ok());
      if (mtp_)
        HADAL_CHECK(
            forward_.RunMtp(sequence.state(), 0, std::span(followers).subspan(at + 1, part.size()))
                .ok());
    }
  }
  // On to `end` along the text; every logit is the text's.
  void Follow(cache::Sequence& sequence, std::size_t end, std::size_t chunk) {
    for (std::size_t at = sequence.tokens(); at < end; at = sequence.tokens()) {
      const std::size_t count = std::min(chunk, end - at);
      Read(sequence, std::span(tokens_).subspan(at, count), tokens_[at + count], chunk);
      ExpectRows(at, count);
    }
  }
  // Rows 0 .. count - 1 of the last pass are the text's from position `at` on.
  void ExpectRows(std::size_t at, std::size_t count) {
    std::vector<float> logits(kVocab);
    for (std::size_t i = 0; i < count; ++i) {
      forward_.Logits(i, logits);
      EXPECT_TRUE(testing::SameBits(logits, Row(want_.main, at + i))) << "position " << at + i;
      if (!mtp_) continue;
      forward_.MtpLogits(i, logits);
      EXPECT_TRUE(testing::SameBits(logits, Row(want_.mtp, at + i))) << "MTP position " << at + i;
    }
  }

 private:
  Tokens tokens_;
  Logits want_;
  Threads threads_;
  model::Forward forward_;
  bool mtp_;
};

// From every station, back by every distance: a fork that takes the same steps again, one that went
// astray before, and one that goes on otherwise; then on from the station, whose pages they shared.
void GoBackEverywhere(Text& text, std::span<const std::size_t> stations,
                      std::span<const std::size_t> distances) {
  const Tokens noise = SomeTokens(2 * kReturnTokens, 99);
  cache::Sequence base = text.Begin();
  for (const std::size_t at : stations) {
    SCOPED_TRACE("from " + std::to_string(at));
    text.Follow(base, at, 64);
    for (const std::size_t back : distances) {
      if (back > at) continue;
      SCOPED_TRACE("back by " + std::to_string(back));
      const std::size_t to = at - back, end = at + 5;
      cache::Sequence again = base.Fork().value();
      ASSERT_TRUE(again.Truncate(to, to).ok());
      text.Follow(again, end, 1 + back % 3 * 3);

      cache::Sequence astray = base.Fork().value();
      const std::size_t beyond = kReturnTokens - back;
      text.Read(astray, std::span(noise).first(beyond), 0, 7);
      ASSERT_TRUE(astray.Truncate(to, to).ok());
      text.Follow(astray, end, 5);

      cache::Sequence other = base.Fork().value();
      ASSERT_TRUE(other.Truncate(to, to).ok());
      text.Read(other, std::span(noise).first(back + 1), 0);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

// Ends of the window, of its ring, of blocks, of the longest tail's ring and of pages; one before,
// one behind.
constexpr std::size_t kStations[] = {
    1,   2,   4,   5,   kWindow, kWindow + 1, kWindow + kReturnTokens,
    26,  112, 124, 127, 128,     129,         132,
    140, 143, 144, 145, 255,     256,         257,
    272};
constexpr std::size_t kDistances[] = {0, 1, 3, 4, 5, 8, 15, kReturnTokens};

struct Setting {
  const char* name;
  Numerics numerics;
  Small model;
  bool mtp;
};
void PrintTo(const Setting& setting, std::ostream* out) { *out << setting.name; }

class Truncate : public ::testing::TestWithParam<Setting> {};

TEST_P(Truncate, IsNeverHavingBeenThere) {
  const Setting& s = GetParam();
  Text text(SmallModel(s.model), s.numerics, SomeTokens(280, 31), s.mtp);
  GoBackEverywhere(text, kStations, kDistances);
}

// As speculative decoding goes: drafts behind the next token, of which some are the text's; what is
// not goes back, and the MTP block, which has believed them all or waited, goes on from the streams
// of the same pass.
TEST_P(Truncate, DraftsThatAreRefusedLeaveNothing) {
  const Setting& s = GetParam();
  Text text(SmallModel(s.model), s.numerics, SomeTokens(290, 32), s.mtp);
  model::Forward& forward = text.forward();
  cache::Sequence sequence = text.Begin();
  Random random(6);
  const std::span<const std::int32_t> tokens(text.tokens());
  for (std::size_t at = 0, step = 0; at + 2 * kReturnTokens < tokens.size(); ++step) {
    // Every third time as far back as there is.
    const std::size_t drafts = step % 3 == 0 ? kReturnTokens : random.Below(kReturnTokens + 1);
    const std::size_t right = step % 3 == 0 ? 0 : random.Below(drafts + 1);
    Tokens batch(tokens.begin() + static_cast<std::ptrdiff_t>(at),
                 tokens.begin() + static_cast<std::ptrdiff_t>(at + 1 + drafts));
    for (std::size_t i = right + 1; i < batch.size(); ++i) batch[i] = Another(batch[i]);
    ASSERT_TRUE(sequence.Reserve(batch.size()).ok());
    const model::Chunk chunk{&sequence.state(), batch};
    HADAL_CHECK(forward.Run({&chunk, 1}).ok());
    const std::size_t kept = 1 + right;
    const bool believed = s.mtp && random.Below(2) == 0;
    if (believed) {
      Tokens followers(batch.begin() + 1, batch.end());
      followers.push_back(0);
      HADAL_CHECK(forward.RunMtp(sequence.state(), 0, followers).ok());
    }
    ASSERT_TRUE(sequence.Truncate(at + kept).ok());
    if (s.mtp) {
      const std::uint64_t done = sequence.state().mtp_tokens;
      ASSERT_EQ(done, believed ? at + right : at);
      HADAL_CHECK(
          forward.RunMtp(sequence.state(), done - at, tokens.subspan(done + 1, at + kept - done))
              .ok());
      std::vector<float> logits(kVocab);
      forward.MtpLogits(at + kept - done - 1, logits);
      EXPECT_TRUE(testing::SameBits(logits, Row(text.want().mtp, at + right))) << at;
    }
    std::vector<float> logits(kVocab);
    for (std::size_t i = 0; i < kept; ++i) {
      forward.Logits(i, logits);
      EXPECT_TRUE(testing::SameBits(logits, Row(text.want().main, at + i))) << at + i;
    }
    at += kept;
  }
}

// A prefix kept at its page's end: begun from several times, after its maker has gone, on to texts
// that go on otherwise, of which the MTP block must not have seen the first token.
TEST_P(Truncate, ACheckpointIsWhereItWasTaken) {
  const Setting& s = GetParam();
  const model::Model& model = SmallModel(s.model);
  Tokens tokens = SomeTokens(2 * kPageTokens + 20, 33);
  Text text(model, s.numerics, tokens, s.mtp);
  for (const std::size_t at : {kPageTokens, 2 * kPageTokens}) {
    for (std::size_t p = at; p < tokens.size(); ++p) tokens[p] = Another(text.tokens()[p]);
    Text other(model, s.numerics, tokens, s.mtp);
    std::optional<cache::Checkpoint> checkpoint;
    {
      cache::Sequence maker = text.Begin();
      text.Follow(maker, at + 3, 50);
      ASSERT_TRUE(maker.Truncate(at, at).ok());
      checkpoint = cache::Checkpoint::Take(maker).value();
      text.Follow(maker, at + 9, 4);
    }
    cache::Sequence a = checkpoint->Restore().value(), b = checkpoint->Restore().value();
    text.Follow(a, at + 7, 7);
    EXPECT_EQ(b.state().mtp_tokens, s.mtp ? at : 0);
    ASSERT_TRUE(b.Truncate(at - 1, at - 1).ok());
    other.Follow(b, at + 12, 5);
    text.Follow(a, at + 15, 1);
    // As far back as the maker could have gone: it had been three tokens beyond.
    cache::Sequence c = checkpoint->Restore().value();
    const bool forgets = text.forward().layout().forgets();  // without rings to the beginning
    EXPECT_EQ(c.earliest().tokens, forgets ? at + 3 - kReturnTokens : 0);
    ASSERT_TRUE(c.Truncate(at + 3 - kReturnTokens, at + 3 - kReturnTokens).ok());
    text.Follow(c, at + 10, 6);
    tokens = text.tokens();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Numerics, Truncate,
    ::testing::Values(Setting{"stored", Numerics::Stored(), Small::kPublished, true},
                      Setting{"stored_without_mtp", Numerics::Stored(), Small::kPublished, false},
                      Setting{"stored_plain_weights", Numerics::Stored(), Small::kPlain, true},
                      Setting{"f32", Numerics::F32(), Small::kPublished, true},
                      Setting{"f32_without_mtp", Numerics::F32(), Small::kPlain, false},
                      Setting{"v32_stored", Numerics::Stored(), Small::kV32, true},
                      Setting{"v32_f32_without_mtp", Numerics::F32(), Small::kV32, false}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(TruncateOnEveryIsa, IsNeverHavingBeenThere) {
  for (const kernels::Isa isa : kernels::RunnableIsas()) {
    SCOPED_TRACE(kernels::IsaName(isa));
    kernels::SetActiveIsa(isa);
    Text text(SmallModel(Small::kPublished), Numerics::Stored(), SomeTokens(150, 34));
    GoBackEverywhere(text, std::to_array<std::size_t>({26, 128, 130, 143}),
                     std::to_array<std::size_t>({1, 4, kReturnTokens}));
  }
  kernels::SetActiveIsa(kernels::RunnableIsas().back());
}

// These tests would notice: other tokens in the place of those taken back change bits.
TEST(TruncateControl, AnotherPastGivesOtherBits) {
  Text text(SmallModel(Small::kPublished), Numerics::Stored(), SomeTokens(140, 35));
  cache::Sequence sequence = text.Begin();
  text.Follow(sequence, 130, 64);
  ASSERT_TRUE(sequence.Truncate(126, 126).ok());
  text.Read(sequence, SomeTokens(5, 36), text.tokens()[131]);
  const std::int32_t next = text.tokens()[131];
  text.Read(sequence, {&next, 1}, 0);
  std::vector<float> logits(kVocab);
  text.forward().Logits(0, logits);
  EXPECT_FALSE(testing::SameBits(logits, Row(text.want().main, 131)));
}

// A drafter that rested leaves a gap in what the MTP block has read. Behind it the block's window
// has what came since, whatever had been read before.
TEST(MtpGap, TheWindowBeginsBehindIt) {
  constexpr std::size_t kGapEnds = 40;
  Text text(SmallModel(Small::kPublished), Numerics::Stored(), SomeTokens(60, 37));
  const std::span<const std::int32_t> tokens(text.tokens());
  model::Forward& forward = text.forward();
  const auto behind_gap = [&](std::size_t read_before, std::uint64_t first) {
    cache::Sequence sequence = text.Begin();
    HADAL_CHECK(sequence.Reserve(tokens.size()).ok());
    const model::Chunk chunk{&sequence.state(), tokens};
    HADAL_CHECK(forward.Run({&chunk, 1}).ok());
    model::SequenceState& state = sequence.state();
    if (read_before > 0) HADAL_CHECK(forward.RunMtp(state, 0, tokens.subspan(1, read_before)).ok());
    state.mtp_tokens = kGapEnds;
    state.mtp_first = first;
    HADAL_CHECK(forward.RunMtp(state, kGapEnds, tokens.subspan(kGapEnds + 1)).ok());
    std::vector<float> logits((tokens.size() - 1 - kGapEnds) * kVocab);
    for (std::size_t i = 0; i * kVocab < logits.size(); ++i)
      forward.MtpLogits(i, std::span(logits).subspan(i * kVocab, kVocab));
    return logits;
  };
  const std::vector<float> never = behind_gap(0, kGapEnds), before = behind_gap(35, kGapEnds);
  EXPECT_TRUE(testing::SameBits(never, before));
  EXPECT_FALSE(testing::SameBits(behind_gap(35, 0), before));  // without a mark it is attended to
  const std::size_t last = tokens.size() - 2;
  EXPECT_TRUE(testing::SameBits(Row(never, last - kGapEnds), Row(text.want().mtp, last)));
}

}  // namespace
}  // namespace hadal
