#include "base/random.h"

#include <gtest/gtest.h>

#include <set>

namespace hadal {
namespace {

TEST(KeyedBits, DifferInEveryPartOfTheKey) {
  std::set<std::uint64_t> seen;
  for (const std::uint64_t seed : {0ull, 1ull, ~0ull, ~0ull - 1})
    for (std::uint64_t stream = 0; stream < 20; ++stream)
      for (std::uint64_t index = 0; index < 50; ++index)
        seen.insert(KeyedBits(seed, stream, index));
  EXPECT_EQ(seen.size(), 4u * 20 * 50);
}

// Along each part of the key: the mean of [0, 1) and of a product of neighbours, within five
// deviations.
TEST(KeyedUniform, IsEvenAndNeighboursAreUnrelated) {
  constexpr int kMany = 20000;
  for (int along = 0; along < 3; ++along) {
    const auto at = [&](int i) {
      const auto n = static_cast<std::uint64_t>(i);
      return KeyedUniform(along == 0 ? n : 7, along == 1 ? n : 7, along == 2 ? n : 7);
    };
    double sum = 0, product = 0;
    for (int i = 0; i < kMany; ++i) {
      ASSERT_GE(at(i), 0);
      ASSERT_LT(at(i), 1);
      sum += at(i);
      product += at(i) * at(i + 1);
    }
    EXPECT_NEAR(sum / kMany, 0.5, 5 * 0.2887 / 141);
    EXPECT_NEAR(product / kMany, 0.25, 5 * 0.2205 / 141);
  }
}

}  // namespace
}  // namespace hadal
