#include "train/quantize_ste.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/random.h"
#include "tensor/codec.h"
#include "testing/close.h"

namespace hadal::train {
namespace {

using torch::Tensor;

std::span<const float> Span(const Tensor& x) {
  return {x.data_ptr<float>(), static_cast<std::size_t>(x.numel())};
}

// Values of every magnitude, ties and zeros among them.
Tensor Values(std::vector<std::int64_t> shape, std::uint64_t seed) {
  Tensor x = torch::empty(shape, torch::kFloat);
  Random random(seed);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const auto exponent = static_cast<int>(random.Below(24)) - 18;
    const float tie = static_cast<float>(random.Below(65)) / 16;
    const float v = random.Below(4) == 0 ? tie : static_cast<float>(random.Normal());
    x.data_ptr<float>()[i] = std::ldexp(random.Below(2) == 0 ? v : -v, exponent / 2);
  }
  return x;
}

float Amax(std::span<const float> x) {
  float amax = 0;
  for (const float v : x) amax = std::max(amax, std::fabs(v));
  return amax;
}
float Fp8(float v, float scale) { return E4m3ToF32(F32ToE4m3(v / scale)) * scale; }
float Fp4(float v, float scale) { return E2m1ToF32(F32ToE2m1(v / scale)) * scale; }

TEST(QuantizeSte, Fp8BlocksHaveTheCodecsBits) {
  for (const std::int64_t rows : {1, 128, 200})
    for (const std::int64_t cols : {32, 128, 320}) {
      const Tensor x = Values({rows, cols}, static_cast<std::uint64_t>(rows * cols));
      x[0].zero_();
      Tensor want = torch::empty_like(x);
      for (std::int64_t r = 0; r < rows; r += 128)
        for (std::int64_t c = 0; c < cols; c += 128) {
          const Tensor block = x.slice(0, r, r + 128).slice(1, c, c + 128).contiguous();
          const float scale = Fp8Scale(Amax(Span(block)));
          Tensor out = block.clone();
          for (std::int64_t i = 0; i < out.numel(); ++i)
            out.data_ptr<float>()[i] = Fp8(out.data_ptr<float>()[i], scale);
          want.slice(0, r, r + 128).slice(1, c, c + 128).copy_(out);
        }
      EXPECT_TRUE(testing::SameBits(Span(StoredFp8(x)), Span(want))) << rows << " x " << cols;
    }
}

TEST(QuantizeSte, Fp4GroupsHaveTheCodecsBits) {
  const Tensor x = Values({3, 40, 96}, 1);
  x[0][0].zero_();
  Tensor want = torch::empty_like(x);
  for (std::int64_t i = 0; i < x.numel(); i += 32) {
    const float* group = x.data_ptr<float>() + i;
    const float scale = Fp4Scale(Amax({group, 32}));
    for (std::int64_t j = 0; j < 32; ++j) want.data_ptr<float>()[i + j] = Fp4(group[j], scale);
  }
  EXPECT_TRUE(testing::SameBits(Span(StoredFp4(x)), Span(want)));
}

TEST(QuantizeSte, EveryTieAndItsNeighboursRoundAsTheCodecDoes) {
  std::vector<float> values;
  for (int code = 0; code < 126; ++code) {
    const float a = E4m3ToF32(static_cast<std::uint8_t>(code)),
                b = E4m3ToF32(static_cast<std::uint8_t>(code + 1)), middle = (a + b) / 2;
    for (const float v : {a, b, middle, std::nextafter(middle, 0.0f), std::nextafter(middle, 1e9f)})
      values.insert(values.end(), {v, -v});
  }
  values.insert(values.end(), {448, -448});  // the block's scale is then 1
  Tensor x = torch::zeros({1, static_cast<std::int64_t>((values.size() + 127) / 128 * 128)});
  for (std::size_t i = 0; i < values.size(); ++i) x[0][static_cast<std::int64_t>(i)] = values[i];
  for (std::int64_t at = 0; at < x.size(1); at += 128) {
    Tensor block = x.slice(1, at, at + 128).contiguous();
    block[0][127] = 448;
    Tensor want = block.clone();
    for (std::int64_t i = 0; i < 128; ++i)
      want.data_ptr<float>()[i] = E4m3ToF32(F32ToE4m3(block.data_ptr<float>()[i]));
    EXPECT_TRUE(testing::SameBits(Span(StoredFp8(block)), Span(want)));
  }
  Tensor fours = torch::zeros({1, 32});
  for (std::int64_t i = 0; i < 31; ++i) fours[0][i] = static_cast<float>(i - 15) / 4;
  fours[0][31] = 6;
  Tensor want = fours.clone();
  for (std::int64_t i = 0; i < 32; ++i)
    want.data_ptr<float>()[i] = E2m1ToF32(F32ToE2m1(fours.data_ptr<float>()[i]));
  EXPECT_TRUE(testing::SameBits(Span(StoredFp4(fours)), Span(want)));
}

TEST(QuantizeSte, KvKeepsTheRotaryChannelsInBf16) {
  const Tensor x = Values({5, 144}, 2);  // 64 + 48 nope, 32 rope
  Tensor want = x.clone();
  for (std::int64_t row = 0; row < 5; ++row) {
    float* v = want.data_ptr<float>() + row * 144;
    for (const auto& [begin, end] : {std::pair{0, 64}, {64, 112}}) {
      const float scale = Fp8Scale(Amax({v + begin, static_cast<std::size_t>(end - begin)}));
      for (int i = begin; i < end; ++i) v[i] = Fp8(v[i], scale);
    }
    for (int i = 112; i < 144; ++i) v[i] = RoundToBf16(v[i]);
  }
  EXPECT_TRUE(testing::SameBits(Span(StoredKv(x, 112)), Span(want)));
}

TEST(QuantizeSte, GradientsPassStraightThrough) {
  Tensor x = Values({64, 64}, 4).requires_grad_();
  const Tensor reading = torch::randn({64, 64});
  for (const Tensor& y : {StoredFp8(x), StoredFp4(x), StoredBf16(x), StoredKv(x, 32)}) {
    x.mutable_grad() = Tensor();
    (y * reading).sum().backward();
    EXPECT_TRUE(torch::equal(x.grad(), reading));
  }
}

TEST(Hadamard, IsTheSylvesterMatrixAndItsOwnInverse) {
  const Tensor rows = Hadamard(torch::eye(32, torch::kDouble));
  for (std::int64_t i = 0; i < 32; ++i)
    for (std::int64_t j = 0; j < 32; ++j) {
      const double sign = std::popcount(static_cast<std::uint64_t>(i & j)) % 2 == 0 ? 1 : -1;
      EXPECT_NEAR(rows[i][j].item<double>(), sign / std::sqrt(32.0), 1e-15);
    }
  Tensor x = torch::randn({3, 32}, torch::kDouble).requires_grad_();
  EXPECT_TRUE(torch::allclose(Hadamard(Hadamard(x)), x));
  const Tensor reading = torch::randn({3, 32}, torch::kDouble);
  (Hadamard(x) * reading).sum().backward();
  EXPECT_TRUE(torch::allclose(x.grad(), Hadamard(reading)));
}

}  // namespace
}  // namespace hadal::train
