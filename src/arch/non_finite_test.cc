#include "arch/non_finite.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

namespace hadal::arch {
namespace {

template <class T>
NonFinite Find(DType dtype, const TensorShape& shape, const std::vector<T>& codes) {
  return FindNonFinite("a", {dtype, shape, std::as_bytes(std::span(codes))});
}

TEST(NonFinite, FindsEveryKindAndItsPlace) {
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(Find<float>(DType::kF32, {2}, {3e38f, -1}).count, 0u);
  const NonFinite floats = Find<float>(DType::kF32, {2, 2}, {1, -inf, 0, std::nanf("")});
  EXPECT_EQ(floats.first, (std::vector<TensorShape>{{0, 1}, {1, 1}}));
  EXPECT_EQ(Find<std::uint16_t>(DType::kBF16, {4}, {0x7F7F, 0x7F80, 0xFFC0, 0}).count, 2u);
  EXPECT_EQ(Find<std::uint16_t>(DType::kF16, {4}, {0x7BFF, 0x7C00, 0xFC01, 0x7800}).count, 2u);
  EXPECT_EQ(Find<double>(DType::kF64, {3}, {1e308, double{inf}, std::nan("")}).count, 2u);
  EXPECT_EQ(Find<std::uint8_t>(DType::kF8E5M2, {4}, {0x7B, 0x7C, 0xFF, 0xFB}).count, 2u);
  EXPECT_EQ(Find<std::uint8_t>(DType::kF8E4M3, {4}, {0x7E, 0x7F, 0xFF, 0xFE}).count, 2u);
  EXPECT_EQ(Find<std::uint8_t>(DType::kF8E8M0, {3}, {0, 254, 255}).count, 1u);
  EXPECT_EQ(Find<std::uint8_t>(DType::kI8, {2}, {0x7F, 0xFF}).count, 0u);  // packed FP4 has none
  EXPECT_EQ(Find<std::uint8_t>(DType::kF8E4M3, {0}, {}).count, 0u);
}

// Behind the first piece too; many are counted, the first few named.
TEST(NonFinite, CountsThemAllAndNamesTheFirst) {
  std::vector<std::uint8_t> codes(3 << 20, 0x11);
  codes[(2 << 20) + 5] = 0x7F;
  for (std::size_t i = codes.size() - 9; i < codes.size(); ++i) codes[i] = 0xFF;
  const NonFinite found = Find(DType::kF8E4M3, {3, 1 << 20}, codes);
  EXPECT_EQ(found.count, 10u);
  ASSERT_EQ(found.first.size(), 3u);
  EXPECT_EQ(found.first[0], (TensorShape{2, 5}));
  EXPECT_EQ(Describe(found),
            "tensor \"a\": found 10 numbers that are not finite, at [2, 5], [2, 1048567], "
            "[2, 1048568], ...");
}

}  // namespace
}  // namespace hadal::arch
