#include "kernels/rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "base/random.h"

namespace hadal::kernels {
namespace {

constexpr std::size_t kCols = 19;

// Rows of random numbers, `pad` elements apart more than they are long.
struct Matrix {
  Matrix(std::size_t rows, std::uint64_t seed, std::size_t pad = 3)
      : numbers(rows * (kCols + pad)), view(numbers.data(), rows, kCols, kCols + pad) {
    Random random(seed);
    for (float& v : numbers) v = static_cast<float>(random.Below(2001)) / 100 - 10;
  }
  std::vector<float> numbers;
  View2<float> view;
};

class Rows : public ::testing::TestWithParam<std::size_t> {
 protected:
  Threads threads_{GetParam()};
};

TEST_P(Rows, AreCopiedAndGathered) {
  const Matrix x(5, 1);
  Matrix copy(5, 2), gathered(3, 3);
  CopyRows(x.view, copy.view, threads_);
  GatherRows(x.view, std::vector<std::uint32_t>{4, 0, 4}, gathered.view, threads_);
  for (std::size_t d = 0; d < kCols; ++d) {
    for (std::size_t t = 0; t < 5; ++t) EXPECT_EQ(copy.view[t][d], x.view[t][d]);
    EXPECT_EQ(gathered.view[0][d], x.view[4][d]);
    EXPECT_EQ(gathered.view[1][d], x.view[0][d]);
    EXPECT_EQ(gathered.view[2][d], x.view[4][d]);
  }
}

// Also between the rows, where nobody looks.
TEST_P(Rows, AreSearchedForWhatIsNotFinite) {
  for (const std::size_t rows : {1u, 5u, 2000u}) {
    Matrix x(rows, 4);
    for (std::size_t t = 0; t + 1 < rows; ++t) x.numbers[t * (kCols + 3) + kCols] = NAN;
    EXPECT_TRUE(AllFinite(x.view, threads_) && ref::AllFinite(x.view));
    for (const float odd : {NAN, INFINITY, -INFINITY})
      for (const std::size_t t : {std::size_t{0}, rows / 2, rows - 1})
        for (const std::size_t d : {std::size_t{0}, kCols - 1}) {
          const float before = std::exchange(x.view[t][d], odd);
          EXPECT_FALSE(AllFinite(x.view, threads_) || ref::AllFinite(x.view)) << t << ", " << d;
          x.view[t][d] = before;
        }
  }
}

TEST_P(Rows, AreAddedAndScaled) {
  const Matrix x(4, 1), table(2, 2), before(4, 3);
  Matrix y = Matrix(4, 3);
  AddRows(x.view, y.view, threads_);
  AddPicked(table.view, std::vector<std::uint32_t>{1, 1, 0, 1}, y.view, threads_);
  ScaleRows(0.5f, y.view, threads_);
  for (std::size_t t = 0; t < 4; ++t)
    for (std::size_t d = 0; d < kCols; ++d)
      EXPECT_EQ(y.view[t][d],
                (before.view[t][d] + x.view[t][d] + table.view[t == 2 ? 0 : 1][d]) * 0.5f);
}

// Slots 7 to 10 are there; what lies before and behind is another part's.
TEST_P(Rows, ChosenOnesAreAddedInOrder) {
  const std::vector<std::uint32_t> slots = {6, 7, 10, 8, 9, 11, 0, 1, 99};
  const View2<const std::uint32_t> chosen(slots.data(), 3, 3);
  const Matrix x(4, 1);
  Matrix got(3, 2), want(3, 2);
  AddChosen(x.view, chosen, 7, got.view, threads_);
  ref::AddChosen(x.view, chosen, 7, want.view);
  for (std::size_t t = 0; t < 3; ++t)
    for (std::size_t d = 0; d < kCols; ++d)
      EXPECT_NEAR(got.view[t][d], want.view[t][d], 3 * 30 * 0x1p-24) << t;
  EXPECT_EQ(got.view[2][0], Matrix(3, 2).view[2][0]);
}

TEST_P(Rows, AreDecoded) {
  const Matrix x(4, 1, 0);
  const StoredMatrix w{.format = StoredFormat::kF32,
                       .rows = 4,
                       .cols = kCols,
                       .codes = reinterpret_cast<const std::byte*>(x.numbers.data())};
  Matrix y(2, 2);
  DecodeRows(w, std::vector<std::int32_t>{3, 1}, y.view, threads_);
  for (std::size_t d = 0; d < kCols; ++d) {
    EXPECT_EQ(y.view[0][d], x.view[3][d]);
    EXPECT_EQ(y.view[1][d], x.view[1][d]);
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, Rows, ::testing::Values(1, 3));

}  // namespace
}  // namespace hadal::kernels
