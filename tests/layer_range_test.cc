// A model in two parts, each opened, mapped and with a state of its own: streams go from one to the
// other, and the bits are those of the whole.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "cache/sequence.h"
#include "model/forward.h"
#include "reference/random_checkpoint.h"
#include "reference/v32/random_checkpoint.h"
#include "testing/close.h"
#include "testing/temp_folder.h"

namespace hadal {
namespace {

using arch::Numerics;
using arch::Selection;
using model::Chunk;
using model::Forward;
using model::Model;

constexpr std::size_t kVocab = 61, kTokens = 150, kLayers = 4;

// Some layers, with the state that they keep of one sequence.
struct Part {
  Part(const std::string& folder, const Selection& selection, const Numerics& numerics,
       Threads& threads)
      : model(Model::Open(folder, selection).value()),
        forward(Forward::Create(model, numerics, threads, kTokens).value()),
        sequence(cache::Sequence::Create(forward.layout()).value()) {
    HADAL_CHECK(sequence.Reserve(kTokens).ok());
  }
  Model model;
  Forward forward;
  cache::Sequence sequence;
};

struct Logits {
  std::vector<float> main = std::vector<float>(kTokens * kVocab),
                     mtp = std::vector<float>((kTokens - 1) * kVocab);
};

// Through one part after the other, in chunks.
Logits Through(std::vector<Part>& parts, std::span<const std::int32_t> tokens, std::size_t chunk) {
  Logits logits;
  const auto row = [](std::vector<float>& rows, std::size_t i) {
    return std::span(rows).subspan(i * kVocab, kVocab);
  };
  for (std::size_t at = 0; at < tokens.size(); at += chunk) {
    const std::size_t count = std::min(chunk, tokens.size() - at);
    for (std::size_t p = 0; p < parts.size(); ++p) {
      const Chunk next{&parts[p].sequence.state(), tokens.subspan(at, count)};
      const Status done =
          p == 0 ? parts[p].forward.Run({&next, 1})
                 : parts[p].forward.RunFrom({&next, 1}, parts[p - 1].forward.streams());
      HADAL_CHECK(done.ok());
    }
    Part& last = parts.back();
    for (std::size_t i = 0; i < count; ++i) last.forward.Logits(i, row(logits.main, at + i));
    const std::size_t pairs = std::min(count, tokens.size() - 1 - at);
    if (pairs == 0) continue;
    HADAL_CHECK(last.forward.RunMtp(last.sequence.state(), 0, tokens.subspan(at + 1, pairs)).ok());
    for (std::size_t i = 0; i < pairs; ++i) last.forward.MtpLogits(i, row(logits.mtp, at + i));
  }
  return logits;
}

// V4 in plain weights and in the published formats, and V3.2.
enum class Kind { kPlain, kPublished, kV32 };

Status Write(Kind kind, const std::string& folder) {
  if (kind == Kind::kV32)
    return reference::v32::WriteRandomCheckpoint(
        {.seed = 31, .vocab = kVocab, .layers = kLayers, .index_topk = 24}, folder);
  reference::CheckpointSpec spec;
  spec.seed = 31;
  spec.vocab = kVocab;
  spec.window = 9;
  spec.ratios = {0, 4, 128, 4};
  if (kind == Kind::kPublished) {
    spec.storage = reference::Storage::kPublished;
    spec.dim = 96;
    spec.o_lora = 64;
  }
  return reference::WriteRandomCheckpoint(spec, folder);
}

TEST(LayerRange, TwoHalvesAreTheWhole) {
  for (const Kind kind : {Kind::kPlain, Kind::kPublished, Kind::kV32}) {
    SCOPED_TRACE(static_cast<int>(kind));
    const testing::TempFolder folder;
    ASSERT_TRUE(Write(kind, folder.path()).ok());
    std::vector<std::int32_t> tokens(kTokens);
    Random random(4);
    for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(random.Below(kVocab));
    for (const Numerics& numerics : {Numerics::Stored(), Numerics::F32()}) {
      Threads threads(2);
      std::vector<Part> whole;
      whole.emplace_back(folder.path(), Selection{}, numerics, threads);
      const Logits want = Through(whole, tokens, kTokens);
      for (std::size_t cut = 1; cut < kLayers; ++cut) {
        std::vector<Part> halves;
        halves.reserve(2);
        halves.emplace_back(folder.path(), Selection{.end_layer = cut, .head = false, .mtp = false},
                            numerics, threads);
        halves.emplace_back(folder.path(), Selection{.begin_layer = cut}, numerics, threads);
        // What each half keeps is its own layers', and together no more than the whole.
        EXPECT_EQ(halves[0].forward.layout().layers.size(), cut);
        EXPECT_EQ(halves[0].forward.layout().page_bytes + halves[1].forward.layout().page_bytes,
                  whole[0].forward.layout().page_bytes);
        const Logits got = Through(halves, tokens, 37);
        EXPECT_TRUE(testing::SameBits(got.main, want.main)) << cut;
        EXPECT_TRUE(testing::SameBits(got.mtp, want.mtp)) << cut;
      }
    }
  }
}

}  // namespace
}  // namespace hadal
