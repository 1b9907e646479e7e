#include "convert/encode_weights.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "base/random.h"
#include "io/checkpoint.h"
#include "io/decode.h"
#include "tensor/codec.h"
#include "testing/close.h"

namespace hadal::convert {
namespace {

std::vector<float> RandomWeights(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> w(count);
  for (float& v : w) {
    const double normal = random.Normal();
    v = static_cast<float>(normal * std::exp2(8 * random.Uniform() - 8));
  }
  return w;
}

io::TensorView View(DType dtype, std::size_t rows, std::size_t cols,
                    const std::vector<std::uint8_t>& bytes) {
  return {dtype, {rows, cols}, std::as_bytes(std::span(bytes))};
}

std::vector<float> DecodeFp8(const EncodedBlocks& blocks, std::size_t rows, std::size_t cols) {
  const auto scale = View(DType::kF8E8M0, (rows + 127) / 128, (cols + 127) / 128, blocks.scales);
  return io::DecodeFloats(View(DType::kF8E4M3, rows, cols, blocks.codes), &scale).value();
}

std::vector<float> DecodeFp4(const EncodedBlocks& blocks, std::size_t rows, std::size_t cols) {
  const auto scale = View(DType::kF8E8M0, rows, cols / 32, blocks.scales);
  return io::DecodeFloats(View(DType::kI8, rows, cols / 2, blocks.codes), &scale).value();
}

TEST(EncodeWeights, Fp8IsAsNearAsItsBlocksAllow) {
  const std::size_t rows = 200, cols = 300;  // blocks cut short both ways
  const std::vector<float> w = RandomWeights(rows * cols, 1);
  const auto blocks = EncodeFp8Block128(w, rows, cols);
  ASSERT_TRUE(blocks.ok());
  ASSERT_EQ(blocks->codes.size(), rows * cols);
  ASSERT_EQ(blocks->scales.size(), 2u * 3u);
  const std::vector<float> back = DecodeFp8(*blocks, rows, cols);
  for (std::size_t i = 0; i < w.size(); ++i) {
    const float scale = E8m0ToF32(blocks->scales[i / cols / 128 * 3 + i % cols / 128]);
    // Half a step: of the mantissa, or of the subnormals.
    ASSERT_LE(std::fabs(back[i] - w[i]), std::max(std::fabs(w[i]) / 16, scale * 0x1p-10f)) << i;
  }
}

TEST(EncodeWeights, Fp4IsAsNearAsItsBlocksAllow) {
  const std::size_t rows = 3, cols = 96;
  const std::vector<float> w = RandomWeights(rows * cols, 2);
  const auto blocks = EncodeFp4Block32(w, rows, cols);
  ASSERT_TRUE(blocks.ok());
  ASSERT_EQ(blocks->codes.size(), rows * cols / 2);
  ASSERT_EQ(blocks->scales.size(), rows * cols / 32);
  const std::vector<float> back = DecodeFp4(*blocks, rows, cols);
  for (std::size_t i = 0; i < w.size(); ++i) {
    const float scale = E8m0ToF32(blocks->scales[i / 32]);
    ASSERT_LE(std::fabs(back[i] - w[i]), std::max(std::fabs(w[i]) / 4, scale / 4)) << i;
  }
}

// A scale is a power of two that just suffices.
TEST(EncodeWeights, ScalesAreTheSmallestThatFit) {
  const auto fp8_scale = [](float amax) {
    return E8m0ToF32(EncodeFp8Block128(std::vector<float>{0, -amax}, 1, 2)->scales[0]);
  };
  EXPECT_EQ(fp8_scale(448), 1);
  EXPECT_EQ(fp8_scale(std::nextafter(448.f, 449.f)), 2);
  EXPECT_EQ(fp8_scale(224), 0.5f);
  EXPECT_EQ(fp8_scale(0), 0x1p-22f);
  const auto fp4_scale = [](float amax) {
    std::vector<float> w(32);
    w[31] = -amax;
    return E8m0ToF32(EncodeFp4Block32(w, 1, 32)->scales[0]);
  };
  EXPECT_EQ(fp4_scale(6), 1);
  EXPECT_EQ(fp4_scale(std::nextafter(6.f, 7.f)), 2);
  EXPECT_EQ(fp4_scale(0), 0x1p-126f);
  EXPECT_TRUE(std::isfinite(fp4_scale(std::numeric_limits<float>::max())));
}

// What a checkpoint stores comes back in value, also where its scale was larger than it need be.
TEST(EncodeWeights, DecodedWeightsEncodeToTheSameValues) {
  Random random(3);
  const std::size_t rows = 130, cols = 192;
  for (int round = 0; round < 20; ++round) {
    EncodedBlocks fp8, fp4;
    const auto span =
        static_cast<std::uint8_t>(1 + 126 * (round % 10) / 9);  // of the magnitudes used
    for (std::size_t i = 0; i < rows * cols; ++i) {
      const std::uint64_t magnitude = random.Below(span);
      fp8.codes.push_back(static_cast<std::uint8_t>(magnitude | random.Below(2) << 7));
    }
    for (std::size_t i = 0; i < rows * cols / 2; ++i)
      fp4.codes.push_back(static_cast<std::uint8_t>(random.Below(256)));
    for (int i = 0; i < 4; ++i)
      fp8.scales.push_back(static_cast<std::uint8_t>(105 + random.Below(100)));
    for (std::size_t i = 0; i < rows * cols / 32; ++i)
      fp4.scales.push_back(static_cast<std::uint8_t>(1 + random.Below(240)));
    const std::vector<float> w8 = DecodeFp8(fp8, rows, cols), w4 = DecodeFp4(fp4, rows, cols);
    EXPECT_TRUE(
        testing::SameBits(DecodeFp8(EncodeFp8Block128(w8, rows, cols).value(), rows, cols), w8));
    EXPECT_TRUE(
        testing::SameBits(DecodeFp4(EncodeFp4Block32(w4, rows, cols).value(), rows, cols), w4));
  }
}

TEST(EncodeWeights, Bf16RoundsToNearestEven) {
  const std::vector<float> w = {1, 1.00390625f, 1.01171875f, -3.1415927f};
  EXPECT_EQ(EncodeBf16(w, 2, 2).value(),
            (std::vector<std::uint16_t>{0x3F80, 0x3F80, 0x3F82, 0xC049}));
}

TEST(EncodeWeights, NamesWhatIsNotFinite) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    std::vector<float> w(2 * 160, 1);
    w[160 + 150] = bad;
    for (const Error& error :
         {EncodeFp8Block128(w, 2, 160).error(), EncodeFp4Block32(w, 2, 160).error(),
          EncodeBf16(w, 2, 160).error()}) {
      EXPECT_EQ(error.code, Code::kInvalid);
      EXPECT_NE(error.what.find("element [1, 150]: found "), std::string::npos) << error.what;
    }
  }
  EXPECT_FALSE(EncodeFp4Block32(std::vector<float>(48), 1, 48).ok());
}

}  // namespace
}  // namespace hadal::convert
