#include "kernels/block_quant.h"

#include <algorithm>

#include "kernels/test_support.h"
#include "tensor/codec.h"
#include "testing/close.h"

namespace hadal::kernels {
namespace {

using testing::AllClose;
using testing::SameBits;

// Values of all sizes in one row: subnormal codes, ties, zeros of both signs, the largest.
std::vector<float> MixedValues(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> v(count);
  for (float& x : v) {
    const int exponent = static_cast<int>(random.Below(24)) - 14;
    const auto sixteenths = static_cast<float>(random.Below(64)) / 32;
    const float jitter =
        random.Below(2) == 0 ? 0.0f : static_cast<float>(random.Normal()) * 0x1p-8f;
    x = std::ldexp(sixteenths + jitter, exponent) * (random.Below(2) == 0 ? 1.0f : -1.0f);
  }
  return v;
}

std::vector<float> ByTheCodec(std::span<const float> x, std::size_t block, bool fp4) {
  std::vector<float> y(x.begin(), x.end());
  for (std::size_t begin = 0; begin < x.size(); begin += block) {
    const std::span<float> part = std::span(y).subspan(begin, std::min(block, x.size() - begin));
    float amax = 0;
    for (float v : part) amax = std::max(amax, std::fabs(v));
    const float scale = fp4 ? Fp4Scale(amax) : Fp8Scale(amax);
    for (float& v : part)
      v = (fp4 ? E2m1ToF32(F32ToE2m1(v / scale)) : E4m3ToF32(F32ToE4m3(v / scale))) * scale;
  }
  return y;
}

TEST(BlockQuant, RoundsAsTheCodecOnEveryIsa) {
  for (std::size_t size : {1u, 15u, 16u, 17u, 31u, 32u, 33u, 64u, 127u, 448u, 512u, 4096u})
    for (float scale : {1.0f, 1e-30f, 3e30f, 0.0f})
      OnEveryIsa([&](Isa isa) {
        std::vector<float> x = MixedValues(size, size);
        for (float& v : x) v *= scale;
        for (std::size_t block : {64u, 128u}) {
          Guarded y(x);
          RoundFp8(y.span(), block);
          EXPECT_TRUE(SameBits(y.span(), ByTheCodec(x, block, false))) << IsaName(isa) << size;
          EXPECT_TRUE(y.Intact());
        }
        if (size % 32 != 0) return;
        Guarded y(x);
        RoundFp4(y.span());
        EXPECT_TRUE(SameBits(y.span(), ByTheCodec(x, 32, true))) << IsaName(isa) << size;
        EXPECT_TRUE(y.Intact());
      });
}

TEST(BlockQuant, RoundsToBf16) {
  std::vector<float> x = MixedValues(333, 1), want;
  x[7] = kNan;
  x[8] = kInf;
  x[9] = -kInf;
  x[10] = std::numeric_limits<float>::max();
  x[11] = std::bit_cast<float>(0x7F800001u);  // a NaN whose payload would be rounded away
  for (float v : x) want.push_back(RoundToBf16(v));
  OnEveryIsa([&](Isa isa) {
    Guarded y(x);
    RoundBf16(y.span());
    EXPECT_TRUE(SameBits(y.span(), want)) << IsaName(isa);
    EXPECT_TRUE(y.Intact());
  });
}

TEST(BlockQuant, StoringAndLoadingIsRounding) {
  for (KvEntryShape shape :
       {KvEntryShape{512, 64}, KvEntryShape{96, 32}, KvEntryShape{160, 32}, KvEntryShape{64, 64}}) {
    const std::vector<float> kv = MixedValues(shape.head_dim, shape.head_dim);
    std::vector<float> want = kv;
    RoundFp8(std::span(want).first(shape.nope()), 64);
    RoundBf16(std::span(want).subspan(shape.nope()));
    std::vector<std::byte> first;
    OnEveryIsa([&](Isa isa) {
      std::vector<std::byte> entry(shape.bytes() + 1, std::byte{0xA5});
      EncodeKvEntry(shape, kv, std::span(entry).first(shape.bytes()));
      EXPECT_EQ(entry.back(), std::byte{0xA5}) << "wrote past the entry";
      const std::size_t fields = shape.nope() + 2 * shape.rope_dim + shape.nope() / 64;
      for (std::size_t i = fields; i < shape.bytes(); ++i) EXPECT_EQ(entry[i], std::byte{0}) << i;
      if (isa == Isa::kRef) first = entry;
      EXPECT_EQ(entry, first) << IsaName(isa);
      Guarded back(shape.head_dim);
      DecodeKvEntry(shape, std::span(entry).first(shape.bytes()), back.span());
      EXPECT_TRUE(SameBits(back.span(), want)) << IsaName(isa);
      EXPECT_TRUE(back.Intact());
    });
  }
}

TEST(BlockQuant, EntriesOfTheReleasesHaveThePublishedSizes) {
  EXPECT_EQ((KvEntryShape{512, 64}.bytes()), 584u);
  EXPECT_EQ(IndexKeyBytes(128), 68u);
}

TEST(BlockQuant, StoringAnIndexKeyIsRounding) {
  for (std::size_t dim : {32u, 64u, 128u}) {
    const std::vector<float> key = MixedValues(dim, dim);
    std::vector<float> want = key;
    RoundFp4(want);
    std::vector<std::byte> first;
    OnEveryIsa([&](Isa isa) {
      std::vector<std::byte> entry(IndexKeyBytes(dim) + 1, std::byte{0xA5});
      EncodeIndexKey(key, std::span(entry).first(IndexKeyBytes(dim)));
      EXPECT_EQ(entry.back(), std::byte{0xA5}) << "wrote past the entry";
      if (isa == Isa::kRef) first = entry;
      EXPECT_EQ(entry, first) << IsaName(isa);
      Guarded back(dim);
      DecodeIndexKey(std::span(entry).first(IndexKeyBytes(dim)), back.span());
      EXPECT_TRUE(SameBits(back.span(), want)) << IsaName(isa);
      EXPECT_TRUE(back.Intact());
    });
  }
}

// Any bytes at all, as from a damaged cache file: no crash, and the same numbers everywhere.
TEST(BlockQuant, LoadsAnyBytes) {
  const KvEntryShape shape{512, 64};
  Random random(3);
  for (int repeat = 0; repeat < 50; ++repeat) {
    std::vector<std::byte> entry(shape.bytes());
    for (std::byte& b : entry) b = static_cast<std::byte>(random.Below(256));
    SetActiveIsa(Isa::kRef);
    std::vector<float> want(512);
    DecodeKvEntry(shape, entry, want);
    OnEveryIsa([&](Isa isa) {
      Guarded back(512);
      DecodeKvEntry(shape, entry, back.span());
      EXPECT_TRUE(AllClose(back.span(), want, {})) << IsaName(isa);
    });
  }
}

TEST(BlockQuant, ABlockWithNanOrInfinityBecomesNan) {
  for (float bad : {kNan, -kNan, kInf, -kInf})
    OnEveryIsa([&](Isa) {
      std::vector<float> fp8 = MixedValues(128, 1), fp4 = fp8;
      fp8[70] = fp4[70] = bad;
      std::vector<std::byte> entry(KvEntryShape{128, 0}.bytes()), key(IndexKeyBytes(128));
      EncodeKvEntry({128, 0}, fp8, entry);
      EncodeIndexKey(fp4, key);
      RoundFp8(fp8, 64);
      RoundFp4(fp4);
      std::vector<float> kv(128), loaded(128);
      DecodeKvEntry({128, 0}, entry, kv);
      DecodeIndexKey(key, loaded);
      for (std::size_t i = 0; i < 128; ++i) {
        EXPECT_EQ(std::isnan(fp8[i]), i >= 64);
        EXPECT_EQ(std::isnan(kv[i]), i >= 64);
        EXPECT_EQ(std::isnan(fp4[i]), i / 32 == 2);
        EXPECT_EQ(std::isnan(loaded[i]), i / 32 == 2);
      }
    });
}

}  // namespace
}  // namespace hadal::kernels
