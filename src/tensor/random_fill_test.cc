#include "tensor/random_fill.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "tensor/codec.h"

namespace hadal {
namespace {

constexpr std::size_t kBytes = std::size_t{1} << 18;

template <class Fill>
std::vector<std::uint8_t> Stream(const Fill& fill, std::size_t bytes = kBytes) {
  std::vector<std::uint8_t> out(bytes);
  fill(0, std::as_writable_bytes(std::span(out)));
  return out;
}

struct Moments {
  double mean = 0, deviation = 0, most = 0;
};

Moments MomentsOf(const std::vector<double>& values) {
  Moments m;
  const auto n = static_cast<double>(values.size());
  for (const double v : values) {
    m.mean += v / n;
    m.most = std::max(m.most, std::fabs(v));
  }
  for (const double v : values) m.deviation += (v - m.mean) * (v - m.mean) / n;
  m.deviation = std::sqrt(m.deviation);
  return m;
}

template <class Fill>
bool PiecesAreTheWhole(const Fill& fill, std::size_t cut) {
  std::vector<std::uint8_t> whole(1003), pieces(1003, 0xAA);
  fill(0, std::as_writable_bytes(std::span(whole)));
  fill(cut, std::as_writable_bytes(std::span(pieces)).subspan(cut));
  fill(0, std::as_writable_bytes(std::span(pieces)).first(cut));
  return whole == pieces;
}

TEST(RandomFill, PiecesMakeTheSameStream) {
  EXPECT_TRUE(PiecesAreTheWhole(Fp8CodeFill(5), 512));
  EXPECT_TRUE(PiecesAreTheWhole(Fp4CodeFill(5), 72));
  EXPECT_TRUE(PiecesAreTheWhole(Fp4ScaleFill(5, 0.1), 8));
  EXPECT_TRUE(PiecesAreTheWhole(FloatFill(5, 0, 1), 16));
  EXPECT_TRUE(PiecesAreTheWhole(Bf16Fill(5, 0, 1), 800));
}

// What lies behind the last byte is somebody else's.
TEST(RandomFill, WritesNoByteMore) {
  for (const std::size_t bytes : {1u, 7u, 8u, 9u, 17u}) {
    std::vector<std::uint8_t> out(40, 0xAA);
    const std::span<std::byte> part = std::as_writable_bytes(std::span(out)).first(bytes);
    Fp8CodeFill(5)(0, part);
    EXPECT_EQ(std::count(out.begin() + static_cast<std::ptrdiff_t>(bytes), out.end(), 0xAA),
              static_cast<std::ptrdiff_t>(40 - bytes));
    FloatFill(5, 0, 1)(0, part);
    EXPECT_EQ(std::count(out.begin() + static_cast<std::ptrdiff_t>(bytes), out.end(), 0xAA),
              static_cast<std::ptrdiff_t>(40 - bytes));
  }
}

// How many numbers of `bytes` bytes are the one before them again.
std::size_t Repeats(const std::vector<std::uint8_t>& stream, std::size_t bytes) {
  std::size_t repeats = 0;
  for (std::size_t i = bytes; i < stream.size(); i += bytes)
    repeats += std::memcmp(&stream[i], &stream[i - bytes], bytes) == 0 ? 1 : 0;
  return repeats;
}

TEST(RandomFill, KeysAndPlacesDiffer) {
  EXPECT_NE(Stream(Fp8CodeFill(5), 4096), Stream(Fp8CodeFill(6), 4096));
  EXPECT_NE(Stream(FloatFill(5, 0, 1), 4096), Stream(FloatFill(6, 0, 1), 4096));
  // By chance one in 256 codes, a few more as several have the same; one in 4,096 floats.
  EXPECT_LT(Repeats(Stream(Fp8CodeFill(5), 4096), 1), 4096u / 40);
  EXPECT_LT(Repeats(Stream(Fp8CodeFill(5), 4096), 8), 2u);
  EXPECT_LT(Repeats(Stream(FloatFill(5, 0, 1), 4096), 4), 8u);
  std::size_t twins = 0;  // bytes of two equal FP4 codes: by chance one in about eleven
  for (const std::uint8_t code : Stream(Fp4CodeFill(5), 4096)) twins += code >> 4 == (code & 15);
  EXPECT_LT(twins, 4096u / 6);
}

TEST(RandomFill, NumbersAreNormal) {
  const auto floats = Stream(FloatFill(5, 2, 3)), halves = Stream(Bf16Fill(5, -1, 0.5));
  std::vector<double> f(kBytes / 4), h(kBytes / 2);
  std::size_t within = 0;  // one deviation of the mean: 68.3 %
  for (std::size_t i = 0; i < f.size(); ++i) {
    float v;
    std::memcpy(&v, floats.data() + 4 * i, 4);
    f[i] = v;
    within += std::fabs(v - 2) < 3 ? 1 : 0;
  }
  for (std::size_t i = 0; i < h.size(); ++i) {
    std::uint16_t code;
    std::memcpy(&code, halves.data() + 2 * i, 2);
    h[i] = Bf16ToF32(code);
  }
  EXPECT_NEAR(MomentsOf(f).mean, 2, 0.05);
  EXPECT_NEAR(MomentsOf(f).deviation, 3, 0.05);
  EXPECT_NEAR(static_cast<double>(within) / static_cast<double>(f.size()), 0.683, 0.01);
  EXPECT_NEAR(MomentsOf(h).mean, -1, 0.01);
  EXPECT_NEAR(MomentsOf(h).deviation, 0.5, 0.01);
}

TEST(RandomFill, CodesUseTheirRange) {
  std::vector<double> fp8, low, high;
  for (const std::uint8_t code : Stream(Fp8CodeFill(5))) {
    ASSERT_NE(code & 0x7F, 0x7F);  // NaN
    fp8.push_back(E4m3ToF32(code));
  }
  for (const std::uint8_t code : Stream(Fp4CodeFill(5))) {
    low.push_back(E2m1ToF32(code & 15));
    high.push_back(E2m1ToF32(code >> 4));
  }
  EXPECT_NEAR(MomentsOf(fp8).mean, 0, 2);
  EXPECT_NEAR(MomentsOf(fp8).deviation, 120, 3);
  EXPECT_GT(MomentsOf(fp8).most, 300);
  for (const auto& nibbles : {low, high}) {
    EXPECT_NEAR(MomentsOf(nibbles).mean, 0, 0.05);
    EXPECT_NEAR(MomentsOf(nibbles).deviation, 2.926, 0.03);
    EXPECT_EQ(MomentsOf(nibbles).most, 6);
  }
}

// A power of two that brings the codes to the deviation asked for, of some blocks the next one.
TEST(RandomFill, ScalesBringCodesToTheDeviation) {
  const auto check = [](const std::vector<std::uint8_t>& scales, int middle) {
    const auto share = [&](int exponent) {
      return static_cast<double>(std::count(scales.begin(), scales.end(), 127 + exponent)) /
             static_cast<double>(scales.size());
    };
    EXPECT_NEAR(share(middle - 1), 48 / 256.0, 0.01);
    EXPECT_NEAR(share(middle), 176 / 256.0, 0.01);
    EXPECT_NEAR(share(middle + 1), 32 / 256.0, 0.01);
  };
  check(Stream(Fp8ScaleFill(5, 120 * 0x1p-10)), -10);
  check(Stream(Fp4ScaleFill(5, 2.926 * 0x1p-6)), -6);
  check(Stream(Fp4ScaleFill(5, 2.926 * 1.5 * 0x1p-6)), -5);  // the nearer one, by their ratio
}

}  // namespace
}  // namespace hadal
