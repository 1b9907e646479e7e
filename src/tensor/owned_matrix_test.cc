// Matrices in other forms decode to what was stored.
#include "tensor/owned_matrix.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "base/random.h"

namespace hadal {
namespace {

struct Stored {
  std::vector<std::byte> codes, scales;
  StoredMatrix view;
};

Stored Fp8(std::size_t rows, std::size_t cols, bool powers) {
  Random random(rows * 1000 + cols);
  Stored s;
  for (std::size_t i = 0; i < rows * cols; ++i)
    s.codes.push_back(static_cast<std::byte>(random.Below(0x7F)));
  for (std::size_t i = 0; i < (rows + 127) / 128 * ((cols + 127) / 128); ++i) {
    const float scale = powers ? std::ldexp(1.0f, static_cast<int>(random.Below(9)) - 4)
                               : 0.7f + static_cast<float>(i);
    const auto bytes = std::as_bytes(std::span(&scale, 1));
    s.scales.insert(s.scales.end(), bytes.begin(), bytes.end());
  }
  s.view = {StoredFormat::kFp8Block128F32, rows, cols, s.codes.data(), s.scales.data()};
  return s;
}

TEST(OwnedMatrix, PowersOfTwoBecomeE8m0AndOthersDoNot) {
  const Stored s = Fp8(200, 300, true);
  const auto m = WithE8m0Scales(s.view);
  ASSERT_TRUE(m);
  EXPECT_EQ(m->view.format, StoredFormat::kFp8Block128);
  EXPECT_EQ(m->view.codes, s.view.codes);  // where they were
  for (std::size_t r = 0; r < 200; ++r)
    for (std::size_t c = 0; c < 300; ++c) ASSERT_EQ(m->view.At(r, c), s.view.At(r, c));
  EXPECT_FALSE(WithE8m0Scales(Fp8(200, 300, false).view));
  for (const float last : {0x1p-127f, 0x1p127f}) {
    Stored far = Fp8(8, 8, true);
    std::memcpy(far.scales.data(), &last, sizeof(last));
    const auto kept = WithE8m0Scales(far.view);
    ASSERT_TRUE(kept) << last;
    EXPECT_EQ(kept->view.At(3, 4), far.view.At(3, 4)) << last;
  }
  for (const float bad : {0.0f, -1.0f, NAN, INFINITY, 0x1p-128f, 3.0f}) {
    Stored spoilt = Fp8(8, 8, true);
    std::memcpy(spoilt.scales.data(), &bad, sizeof(bad));
    EXPECT_FALSE(WithE8m0Scales(spoilt.view)) << bad;
  }
}

TEST(OwnedMatrix, TransposedIsEveryNumberInItsOtherPlace) {
  const Stored powers = Fp8(384, 200, true), others = Fp8(384, 200, false);
  const auto e8m0 = WithE8m0Scales(powers.view);
  const std::vector<float> floats(12, 1.5f);
  const StoredMatrix plain{StoredFormat::kF32, 3, 4,
                           reinterpret_cast<const std::byte*>(floats.data()), nullptr};
  const std::vector<std::byte> pairs(3 * 32, std::byte{0x5B}), exponents(6, std::byte{0x80});
  const StoredMatrix fp4{StoredFormat::kFp4Block32, 3, 64, pairs.data(), exponents.data()};
  const std::pair<StoredMatrix, StoredFormat> cases[] = {
      {e8m0->view, StoredFormat::kFp8Block128},
      {others.view, StoredFormat::kFp8Block128F32},
      {others.view.Rows(128, 100), StoredFormat::kFp8Block128F32},
      {others.view.Rows(100, 70), StoredFormat::kF32},  // blocks that begin before the first row
      {fp4, StoredFormat::kF32},                        // two numbers a byte
      {plain, StoredFormat::kF32}};
  for (const auto& [w, format] : cases) {
    const OwnedMatrix t = Transposed(w);
    EXPECT_EQ(t.view.format, format);
    ASSERT_EQ(t.view.rows, w.cols);
    ASSERT_EQ(t.view.cols, w.rows);
    for (std::size_t r = 0; r < w.rows; ++r)
      for (std::size_t c = 0; c < w.cols; ++c)
        ASSERT_EQ(t.view.At(c, r), w.At(r, c)) << r << " " << c;
  }
}

}  // namespace
}  // namespace hadal
