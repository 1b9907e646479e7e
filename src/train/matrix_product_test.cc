// Products against plain loops in float64, for every code that this processor runs.
#include "train/matrix_product.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"
#include "kernels/isa.h"
#include "tensor/codec.h"
#include "train/product_tile.h"

namespace hadal::train {
namespace {

struct Case {
  std::int64_t m, n, k;
  bool turn_a, turn_b;
};

std::vector<float> Values(Random* random, std::int64_t count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(random->Uniform()) - 0.5F;
  return values;
}

Matrix<float> Lying(const std::vector<float>& values, std::int64_t rows, std::int64_t cols,
                    bool turned) {
  return turned ? Dense(values.data(), cols, rows).Turned() : Dense(values.data(), rows, cols);
}

double At(const Matrix<float>& m, std::int64_t row, std::int64_t col, Products products) {
  const float value = m.data[row * m.row_step + col * m.col_step];
  return products == Products::kBf16 ? RoundToBf16(value) : value;
}

// Compares with the loops, and c outside of [m, n] with what was there.
void Expect(const Product<float>& p, Products products, const std::vector<float>& c,
            const std::vector<float>& d, std::int64_t step) {
  const std::int64_t m = p.a.rows, n = p.b.cols, k = p.a.cols;
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < step; ++j) {
      const auto at = static_cast<std::size_t>(i * step + j);
      if (j >= n) {
        ASSERT_EQ(c[at], -7) << "past the end of row " << i;
        continue;
      }
      double sum = 0, magnitude = 0;
      for (std::int64_t x = 0; x < k; ++x) {
        const double term = At(p.a, i, x, products) * At(p.b, x, j, products);
        sum += term;
        magnitude += std::fabs(term);
      }
      const double added = p.d != nullptr ? static_cast<double>(p.beta * d[at]) : 0;
      const double bound = (static_cast<double>(k) + 4) * 6e-8 *
                           (std::fabs(p.alpha) * magnitude + std::fabs(added) + 1e-30);
      ASSERT_NEAR(c[at], static_cast<double>(p.alpha) * sum + added, bound)
          << m << "x" << n << "x" << k << " at " << i << ", " << j;
    }
}

class MatrixProduct : public testing::TestWithParam<std::tuple<kernels::Isa, Products>> {
 protected:
  MatrixProduct() : before_(kernels::ActiveIsa()) {
    kernels::SetActiveIsa(std::get<0>(GetParam()));
    usable_ = products() == Products::kF32 || FastestProducts() == Products::kBf16;
  }
  ~MatrixProduct() override { kernels::SetActiveIsa(before_); }
  static Products products() { return std::get<1>(GetParam()); }

  kernels::Isa before_;
  bool usable_;
};

#if defined(__x86_64__)
// Or every test of BF16 products is skipped, and runs are slow, without a word.
TEST(MatrixProductTiles, AreThoseOfTheProcessor) {
  const auto isas = kernels::RunnableIsas();
  if (isas.size() == 1) GTEST_SKIP() << "built without vector code, or for no such processor";
  EXPECT_NE(F32Tiles(), nullptr);
  const bool bf16 = isas.back() == kernels::Isa::kAvx512 && __builtin_cpu_supports("avx512bf16");
  EXPECT_EQ(FastestProducts() == Products::kBf16, bf16);
}
#endif

TEST_P(MatrixProduct, IsTheSumOfProducts) {
  if (!usable_) GTEST_SKIP() << "no such products here";
  Random random(1);
  for (const std::int64_t m : {1, 12, 13, 520})
    for (const std::int64_t n : {1, 31, 33, 1030})
      for (const std::int64_t k : {1, 2, 33, 515}) {
        if (m * n * k > 20'000'000) continue;
        const bool turn_a = random.Below(2) == 0, turn_b = random.Below(2) == 0;
        const std::vector<float> a = Values(&random, m * k), b = Values(&random, k * n),
                                 d = Values(&random, m * (n + 3));
        for (const bool add : {false, true}) {
          std::vector<float> c(d.size(), -7);
          const Product<float> p{Lying(a, m, k, turn_a),
                                 Lying(b, k, n, turn_b),
                                 c.data(),
                                 n + 3,
                                 add ? d.data() : nullptr,
                                 n + 3,
                                 1.5F,
                                 -2};
          Multiply(p, products());
          Expect(p, products(), c, d, n + 3);
        }
      }
}

TEST_P(MatrixProduct, OfASymmetricOneBothHalvesAreThere) {
  if (!usable_) GTEST_SKIP() << "no such products here";
  Random random(2);
  for (const std::int64_t n : {1, 5, 17, 40, 128, 130, 1030})
    for (const std::int64_t k : {3, 600})
      for (const bool turned : {false, true}) {
        if (n * n * k > 20'000'000) continue;
        const std::vector<float> a = Values(&random, n * k);
        std::vector<float> d(static_cast<std::size_t>(n * n)), c(d.size(), -7);
        for (std::int64_t i = 0; i < n; ++i)
          for (std::int64_t j = 0; j <= i; ++j)
            d[static_cast<std::size_t>(i * n + j)] = d[static_cast<std::size_t>(j * n + i)] =
                static_cast<float>(random.Uniform());
        const Matrix<float> left = Lying(a, n, k, turned);
        const Product<float> p{left, left.Turned(), c.data(), n, d.data(), n, 2, -4, true};
        Multiply(p, products());
        Expect(p, products(), c, d, n);
        for (std::int64_t i = 0; i < n; ++i)
          for (std::int64_t j = 0; j < i; ++j)
            ASSERT_EQ(c[static_cast<std::size_t>(i * n + j)],
                      c[static_cast<std::size_t>(j * n + i)]);
      }
}

TEST_P(MatrixProduct, OfNothingIsZeroAndNotANumberStays) {
  if (!usable_) GTEST_SKIP() << "no such products here";
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> a(6, nan), b(8, 1);
  std::vector<float> c(12, -7);
  Multiply(Product<float>{Dense(a.data(), 3, 0), Dense(b.data(), 0, 4), c.data(), 4}, products());
  EXPECT_EQ(c, std::vector<float>(12, 0));
  Multiply(Product<float>{Dense(a.data(), 3, 2), Dense(b.data(), 2, 4), c.data(), 4}, products());
  for (const float value : c) EXPECT_TRUE(std::isnan(value));
}

INSTANTIATE_TEST_SUITE_P(Codes, MatrixProduct,
                         testing::Combine(testing::ValuesIn(kernels::RunnableIsas().begin(),
                                                            kernels::RunnableIsas().end()),
                                          testing::Values(Products::kF32, Products::kBf16)),
                         [](const auto& test) {
                           return std::string(kernels::IsaName(std::get<0>(test.param))) +
                                  (std::get<1>(test.param) == Products::kBf16 ? "Bf16" : "F32");
                         });

}  // namespace
}  // namespace hadal::train
