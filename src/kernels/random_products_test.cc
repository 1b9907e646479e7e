// Integer products and index scores of drawn shapes, codes, scales and inputs, by every instruction
// set, against plain C++. HADAL_RANDOM_CASES=N draws N of each instead of a few; a failure names
// its case, which is the same everywhere.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "kernels/block_quant.h"
#include "kernels/packed_index_scores.h"
#include "kernels/quantized_matmul.h"
#include "kernels/test_support.h"
#include "testing/close.h"

namespace hadal::kernels {
namespace {

std::uint64_t Cases(std::uint64_t otherwise) {
  const char* cases = std::getenv("HADAL_RANDOM_CASES");
  return cases == nullptr ? otherwise : std::strtoull(cases, nullptr, 10);
}

std::size_t Between(Random& random, std::size_t least, std::size_t most) {
  return least + random.Below(most - least + 1);
}

// NaNs of any bits are one: which comes out depends on the order of an instruction's operands.
std::vector<float> OneNan(std::span<const float> values) {
  std::vector<float> out(values.begin(), values.end());
  for (float& v : out)
    if (std::isnan(v)) v = kNan;
  return out;
}

// Codes as a file might have them, and as only a damaged one does.
std::byte DrawCode(Random& random, std::size_t kind) {
  const auto sign = static_cast<std::uint8_t>(random.Below(2) << 7);
  switch (kind) {
    case 0:  // any, NaNs too
      return static_cast<std::byte>(random.Below(256));
    case 1:  // E4M3's largest, or for FP4 6 and -6
      return static_cast<std::byte>(0x77 | sign);
    case 2:  // few small values among large ones
      return static_cast<std::byte>((random.Below(50) == 0 ? random.Below(32) : 0x58) | sign);
    case 3:  // small ones alone
      return static_cast<std::byte>(random.Below(32) | sign);
    default:  // mostly zeros
      return static_cast<std::byte>(random.Below(20) == 0 ? random.Below(256) : 0);
  }
}

std::byte DrawScale(Random& random, std::size_t kind) {
  constexpr std::uint8_t kOdd[] = {0, 1, 127, 253, 254, 255};
  return static_cast<std::byte>(kind == 0 ? kOdd[random.Below(6)] : 119 + random.Below(16));
}

// Of each row's own size: some rows vanish, some have an infinity or a NaN.
std::vector<float> DrawInputs(Random& random, std::size_t rows, std::size_t cols) {
  std::vector<float> x(rows * cols);
  for (std::size_t t = 0; t < rows; ++t) {
    constexpr float kSizes[] = {1, 1, 1, 0, 0x1p-140f, 0x1p100f};
    const float size = kSizes[random.Below(6)];
    const bool limits = random.Below(4) == 0;  // every input at its block's limit
    for (std::size_t k = 0; k < cols; ++k)
      x[t * cols + k] = size * (limits ? (random.Below(2) == 0 ? 1.0f : -1.0f)
                                       : static_cast<float>(random.Normal()));
    if (random.Below(16) == 0)
      x[t * cols + random.Below(cols)] = random.Below(2) == 0 ? kInf : kNan;
  }
  return x;
}

struct DrawnWeight {
  std::vector<std::byte> codes, scales;
  Weight weight;
  DrawnWeight(Random& random, StoredFormat format, std::size_t rows, std::size_t cols)
      : weight{format, rows, cols, nullptr, nullptr} {
    const std::size_t of_codes = random.Below(5), of_scales = random.Below(4);
    for (std::size_t i = 0; i < weight.code_bytes(); ++i)
      codes.push_back(DrawCode(random, of_codes));
    for (std::size_t i = 0; i < weight.scale_bytes(); ++i)
      scales.push_back(DrawScale(random, of_scales));
    weight.codes = codes.data();
    weight.scales = scales.data();
  }
};

// Few tokens go through registers and many through memory, up to 128 at a time.
std::size_t DrawTokens(Random& random) {
  constexpr std::size_t kMost[] = {4, 12, 12, 40, 150};
  return Between(random, 1, kMost[random.Below(5)]);
}

TEST(RandomProducts, OfIntegersHaveTheBitsOfPlainCode) {
  Threads pool(2);
  for (std::uint64_t i = 0; i < Cases(40); ++i) {
    SCOPED_TRACE(fmt::format("case {}", i));
    Random random(i, 1);
    const StoredFormat format =
        random.Below(2) == 0 ? StoredFormat::kFp8Block128 : StoredFormat::kFp4Block32;
    const std::size_t tokens = DrawTokens(random), rows = Between(random, 1, 80);
    const std::size_t cols =
        format == StoredFormat::kFp4Block32 ? 32 * Between(random, 1, 40) : Between(random, 1, 700);
    const DrawnWeight all(random, format, rows + 140, cols);
    const Weight w = all.weight.Rows(random.Below(141), rows);
    const std::vector<float> x = DrawInputs(random, tokens, cols);
    const RowFormat row_format = RowFormatFor(format);
    const std::size_t stride = QuantizedRowBytes(row_format, cols);
    std::vector<float> memory(tokens * stride / 4);
    auto* data = reinterpret_cast<std::byte*>(memory.data());
    for (std::size_t t = 0; t < tokens; ++t)
      QuantizeRow(row_format, AsRows(x, tokens, cols)[t], data + t * stride);
    const QuantizedRows quantized{row_format, cols, data, stride, {}};
    std::vector<float> want;
    OnEveryIsa([&](Isa isa) {
      Guarded y(tokens * rows);
      const QuantizedMatMulJob job{quantized, w, y.As(tokens, rows)};
      MatMul(std::span(&job, 1), pool);
      EXPECT_TRUE(y.Intact());
      if (isa == Isa::kRef) want = OneNan(y.span());
      EXPECT_TRUE(testing::SameBits(OneNan(y.span()), want))
          << IsaName(isa) << " " << tokens << " tokens, " << rows << " rows, " << cols << " cols";
    });
    if (HasFailure()) return;
  }
}

// The order of a head's blocks differs from plain C++'s float64, so: all vector sets alike, and
// near it.
TEST(RandomProducts, OfIndexScoresAreTheSameFromEveryVectorSet) {
  Threads one(1);
  for (std::uint64_t i = 0; i < Cases(40); ++i) {
    SCOPED_TRACE(fmt::format("case {}", i));
    Random random(i, 2);
    const std::size_t dim = 32 * Between(random, 1, random.Below(8) == 0 ? 32 : 5);
    const std::size_t heads = Between(random, 1, 70), count = Between(random, 1, 80);
    const std::size_t rows = Between(random, 1, 3), key_bytes = IndexKeyBytes(dim);
    const std::vector<float> q = RandomNormals(rows * heads * dim, random.Next());
    std::vector<float> w = RandomNormals(rows * heads, random.Next());
    const std::size_t damage = random.Below(4);  // of some keys; of a weight
    std::vector<std::byte> keys(count * key_bytes);
    for (std::size_t j = 0; j < count; ++j)
      for (std::size_t b = 0; b < key_bytes; ++b)
        keys[j * key_bytes + b] =
            b < dim / 2 ? DrawCode(random, 0)
                        : static_cast<std::byte>(damage == 1 && j % 7 == 3 ? random.Below(255)
                                                                           : 126 + random.Below(3));
    if (damage == 2) w[random.Below(w.size())] = 0x1p50f;
    const std::size_t bytes = PackedIndexQueryBytes(heads, dim);
    std::vector<float> memory(rows * bytes / 4);
    const View2<std::byte> packed(reinterpret_cast<std::byte*>(memory.data()), rows, bytes);
    PackIndexQueries(AsRows(q, rows, heads * dim), AsRows(w, rows, heads), packed, one);
    std::vector<float> plain, first;
    OnEveryIsa([&](Isa isa) {
      Guarded score(rows * count);
      PackedIndexScores(packed, heads, dim, keys.data(), score.As(rows, count));
      EXPECT_TRUE(score.Intact());
      if (isa == Isa::kRef) plain = OneNan(score.span());
      if (IsFirstSimd(isa)) first = OneNan(score.span());
      if (isa == Isa::kRef) return;
      EXPECT_TRUE(testing::SameBits(OneNan(score.span()), first)) << IsaName(isa);
      if (damage == 0 || damage == 3) {
        EXPECT_LT(testing::RelativeError(score.span(), plain), 1e-5) << IsaName(isa);
      }
    });
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace hadal::kernels
