// Records of V3.2's cache: sizes, what comes back, what does not fit FP8.
#include "kernels/latent_entry.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/test_support.h"
#include "tensor/codec.h"
#include "testing/close.h"

namespace hadal::kernels {
namespace {

std::vector<float> Normals(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> numbers(count);
  for (float& v : numbers) v = static_cast<float>(random.Normal());
  return numbers;
}

TEST(LatentEntry, HasThePublishedSizes) {
  EXPECT_EQ(LatentEntryBytes({.head_dim = 576, .rope_dim = 64}), 656u);
  EXPECT_EQ(Fp8KeyBytes(128), 132u);
  EXPECT_EQ(LatentEntryBytes({.head_dim = 160, .rope_dim = 32}), 196u);
  EXPECT_EQ(LatentEntryBytes({.head_dim = 130 + 10, .rope_dim = 10}), 130u + 8 + 20);
}

// Whole and cut blocks, both rules, every instruction set: the codecs number by number.
TEST(LatentEntry, IsTheCodecsOnEveryIsa) {
  for (const Isa isa : RunnableIsas()) {
    SetActiveIsa(isa);
    for (const ScaleRule rule : {ScaleRule::kPowerOfTwo, ScaleRule::kExact})
      for (const std::size_t nope : {1u, 16u, 127u, 128u, 130u, 512u}) {
        SCOPED_TRACE(nope);
        const KvEntryShape shape{.head_dim = nope + 6, .rope_dim = 6};
        const std::vector<float> kv = Normals(shape.head_dim, nope);
        std::vector<std::byte> entry(LatentEntryBytes(shape), std::byte{0xA5});
        std::vector<float> back(shape.head_dim, NAN), rounded = kv;
        EncodeLatentEntry(shape, rule, kv, entry);
        DecodeLatentEntry(shape, entry, back);
        RoundLatentEntry(shape, rule, rounded);
        std::vector<std::byte> want(entry.size(), std::byte{0x5A});
        ref::EncodeLatentEntry(shape, rule, kv, want);
        EXPECT_EQ(entry, want);
        EXPECT_TRUE(testing::SameBits(back, rounded));
        for (std::size_t i = 0; i < nope; ++i) {
          float amax = 0;
          for (std::size_t j = i / 128 * 128; j < std::min(nope, i / 128 * 128 + 128); ++j)
            amax = std::max(amax, std::fabs(kv[j]));
          const float scale = Fp8Scale(amax, rule);
          EXPECT_EQ(back[i], E4m3ToF32(F32ToE4m3(kv[i] / scale)) * scale) << i;
        }
        for (std::size_t i = nope; i < kv.size(); ++i) EXPECT_EQ(back[i], RoundToBf16(kv[i]));
      }
  }
  SetActiveIsa(RunnableIsas().back());
}

TEST(LatentEntry, ANumberThatIsNotFiniteIsSeen) {
  for (const float bad : {NAN, INFINITY}) {
    std::vector<float> key(128, 1.0f), back(128);
    key[77] = bad;
    std::vector<std::byte> entry(Fp8KeyBytes(128));
    EncodeFp8Key(ScaleRule::kExact, key, entry);
    DecodeFp8Key(entry, back);
    for (const float v : back) EXPECT_TRUE(std::isnan(v));
  }
}

}  // namespace
}  // namespace hadal::kernels
