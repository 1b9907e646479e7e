#include "tensor/finite.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace hadal {
namespace {

TEST(FirstNotFinite, FindsTheFirstWhereverItIs) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInf = std::numeric_limits<float>::infinity();
  std::vector<float> values(9001, std::numeric_limits<float>::max());
  values[1] = -values[0];
  values[2] = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(FirstNotFinite(values), std::nullopt);
  EXPECT_EQ(FirstNotFinite({}), std::nullopt);
  for (const std::size_t at : {9000u, 8192u, 8191u, 4096u, 4095u, 17u, 0u}) {  // ever earlier
    values[at] = at % 3 == 0 ? kNan : at % 3 == 1 ? kInf : -kInf;
    EXPECT_EQ(FirstNotFinite(values), at);
  }
}

}  // namespace
}  // namespace hadal
