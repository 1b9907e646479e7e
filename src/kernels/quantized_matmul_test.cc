#include "kernels/quantized_matmul.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernels/test_support.h"
#include "testing/close.h"

namespace hadal::kernels {
namespace {

using testing::AllClose;
using testing::SameBits;

struct Stored {
  std::vector<std::byte> codes, scales;
  Weight weight;
};

// Every code of the format but E4M3's NaNs, scales from 2^-8 to 2^7.
Stored MakeWeight(StoredFormat format, std::size_t rows, std::size_t cols, std::uint64_t seed) {
  Stored s;
  s.weight = {format, rows, cols, nullptr, nullptr};
  Random random(seed);
  for (std::size_t i = 0; i < s.weight.code_bytes(); ++i) {
    const auto code = static_cast<std::uint8_t>(random.Below(256));
    const bool nan = format == StoredFormat::kFp8Block128 && (code & 0x7F) == 0x7F;
    s.codes.push_back(static_cast<std::byte>(nan ? code ^ 1 : code));
  }
  for (std::size_t i = 0; i < s.weight.scale_bytes(); ++i)
    s.scales.push_back(static_cast<std::byte>(119 + random.Below(16)));
  s.weight.codes = s.codes.data();
  s.weight.scales = s.scales.data();
  return s;
}

struct Quantized {
  std::vector<float> memory;  // for alignment
  QuantizedRows rows;
  Quantized(RowFormat format, View2<const float> x) {
    const std::size_t bytes = QuantizedRowBytes(format, x.cols());
    memory.resize(bytes / 4 * x.rows());
    auto* data = reinterpret_cast<std::byte*>(memory.data());
    for (std::size_t t = 0; t < x.rows(); ++t) QuantizeRow(format, x[t], data + t * bytes);
    rows = {format, x.cols(), data, bytes, {}};
  }
};

constexpr StoredFormat kFormats[] = {StoredFormat::kFp8Block128, StoredFormat::kFp4Block32};

std::vector<float> Product(const QuantizedRows& x, const Weight& w, std::size_t tokens,
                           std::size_t threads = 1) {
  Threads pool(threads);
  Guarded y(tokens * w.rows);
  const QuantizedMatMulJob job{x, w, y.As(tokens, w.rows)};
  MatMul(std::span(&job, 1), pool);
  EXPECT_TRUE(y.Intact());
  return {y.span().begin(), y.span().end()};
}

TEST(QuantizeRow, RoundsToTheNearestStepOfItsBlock) {
  for (const RowFormat format : {RowFormat::kInt8Block32, RowFormat::kInt16Block32}) {
    const bool narrow = format == RowFormat::kInt8Block32;
    const std::size_t cols = 384, zeros = 5;  // a block
    const auto block_of = [&](std::size_t k) { return narrow ? k / 32 : k / 128 * 4 + k % 16 / 4; };
    std::vector<float> x = RandomNormals(cols, 5), amax(cols / 32);
    for (std::size_t k = 0; k < cols; ++k) {
      if (block_of(k) == zeros) x[k] = 0;
      amax[block_of(k)] = std::max(amax[block_of(k)], std::fabs(x[k]));
    }
    OnEveryIsa([&](Isa isa) {
      const Quantized q(format, AsRows(x, 1, cols));
      const std::byte* row = q.rows.Row(0);
      for (std::size_t k = 0; k < cols; ++k) {
        int v = 0;
        if (narrow) {
          // NOLINTNEXTLINE(bugprone-signed-char-misuse): a number, not a letter.
          v = static_cast<int>(
              std::to_integer<std::int8_t>(row[k / 128 * 128 + k % 2 * 64 + k % 128 / 2]));
        } else {
          std::int16_t word;
          std::memcpy(&word, row + 2 * (k / 64 * 64 + k % 2 * 32 + k % 64 / 2), 2);
          v = word;
        }
        float scale = 0;
        std::memcpy(&scale, row + cols * (narrow ? 1 : 2) + 4 * block_of(k), 4);
        scale *= narrow ? 2 : 512;
        EXPECT_EQ(scale, amax[block_of(k)] / (narrow ? kInt8Limit : kInt16Limit)) << IsaName(isa);
        EXPECT_LE(std::fabs(static_cast<float>(v) * scale - x[k]), scale * 0.5001f) << k;
      }
    });
  }
}

TEST(QuantizeRow, HasTheSameBitsEverywhere) {
  std::vector<float> x = RandomNormals(640, 6);
  x[40] = kInf;
  x[200] = kNan;
  x[300] = 1e-44f;
  for (std::size_t i = 320; i < 480; ++i) x[i] *= 1e-42f;
  for (const RowFormat format : {RowFormat::kInt8Block32, RowFormat::kInt16Block32})
    for (const std::size_t cols : {640u, 608u, 32u}) {
      std::vector<float> want;
      OnEveryIsa([&](Isa isa) {
        const Quantized q(format, View2<const float>(x.data(), 1, cols));
        if (isa == Isa::kRef) want = q.memory;
        EXPECT_EQ(std::memcmp(want.data(), q.memory.data(), 4 * want.size()), 0) << IsaName(isa);
      });
    }
}

// The reference itself: what it reads from a stored row, and one product by hand.
TEST(QuantizedMatMul, TheReferenceReadsRowsAndCodesAsTheyAreMeant) {
  constexpr std::size_t kCols = 160;
  const std::vector<float> x = RandomNormals(kCols, 1);
  for (const StoredFormat format : kFormats) {
    const Stored w = MakeWeight(format, 3, kCols, 2);
    const Quantized q(RowFormatFor(format), AsRows(x, 1, kCols));
    std::vector<double> means(kCols);
    ref::DequantizeRow(q.rows.format, q.rows.Row(0), means);
    const double step = format == StoredFormat::kFp4Block32 ? kInt8Limit : kInt16Limit;
    for (std::size_t k = 0; k < kCols; ++k) EXPECT_NEAR(means[k], x[k], 4 * 0.5 / step) << k;
    std::vector<float> decoded(kCols), y(3);
    ref::MatMul({q.rows, w.weight, {y.data(), 1, 3}});
    for (std::size_t n = 0; n < 3; ++n) {
      DecodeRow(w.weight, n, decoded);
      double sum = 0;
      for (std::size_t k = 0; k < kCols; ++k) sum += means[k] * double{decoded[k]};
      EXPECT_EQ(y[n], static_cast<float>(sum));
    }
  }
}

TEST(QuantizedMatMul, MatchesTheReferenceOnEveryIsa) {
  constexpr std::size_t kTokens = 3, kRows = 40, kCols = 416;
  const std::vector<float> x = RandomNormals(kTokens * kCols, 1);
  for (const StoredFormat format : kFormats) {
    const Stored w = MakeWeight(format, kRows, kCols, 2);
    const Quantized q(RowFormatFor(format), AsRows(x, kTokens, kCols));
    std::vector<float> want(kTokens * kRows), decoded(kCols);
    ref::MatMul({q.rows, w.weight, {want.data(), kTokens, kRows}});
    const std::size_t blocks = (kCols + 127) / 128;
    const auto steps = static_cast<double>(blocks + 3);
    std::vector<double> bound(want.size()), means(kCols);
    for (std::size_t t = 0; t < kTokens; ++t) {
      ref::DequantizeRow(q.rows.format, q.rows.Row(t), means);
      for (std::size_t n = 0; n < kRows; ++n) {
        DecodeRow(w.weight, n, decoded);
        for (std::size_t k = 0; k < kCols; ++k)
          bound[t * kRows + n] += steps * 0x1p-24 * std::fabs(means[k] * double{decoded[k]});
      }
    }
    OnEveryIsa([&](Isa isa) {
      const std::vector<float> y = Product(q.rows, w.weight, kTokens);
      EXPECT_TRUE(AllClose(InBounds(y, want, bound), std::vector<float>(y.size()), {.abs = 1}))
          << IsaName(isa);
    });
  }
}

TEST(QuantizedMatMul, HasTheSameBitsForAnyInstructionSetTokensAndThreads) {
  constexpr std::size_t kMost = 150;
  for (const StoredFormat format : kFormats)
    for (const std::size_t cols : {32u, 160u, 512u, 1056u, 2592u})
      for (const std::size_t n : {1u, 31u, 100u}) {
        const std::vector<float> x = RandomNormals(kMost * cols, cols + n);
        const Stored w = MakeWeight(format, n, cols, n);
        std::vector<float> want;
        OnEveryIsa([&](Isa isa) {
          const Quantized q(RowFormatFor(format), AsRows(x, kMost, cols));
          const std::size_t tokens = isa == Isa::kRef ? 9 : kMost;
          const std::vector<float> y = Product(q.rows, w.weight, tokens, 2);
          if (isa == Isa::kRef) want = y;
          EXPECT_TRUE(SameBits(std::span(y).first(9 * n), want)) << IsaName(isa) << " " << cols;
          for (const std::size_t few : {1u, 2u, 7u, 8u}) {
            const std::vector<float> part = Product(q.rows, w.weight, few);
            EXPECT_TRUE(SameBits(part, std::span(want).first(few * n))) << IsaName(isa);
          }
        });
      }
}

TEST(QuantizedMatMul, RowsOfAViewKeepTheirScalesAndPicksTheirRows) {
  constexpr std::size_t kCols = 256, kRows = 300;
  const std::vector<float> x = RandomNormals(5 * kCols, 3);
  const std::vector<std::uint32_t> pick = {4, 0, 0, 3};
  for (const StoredFormat format : kFormats) {
    const Stored w = MakeWeight(format, kRows, kCols, 4);
    OnEveryIsa([&](Isa isa) {
      const Quantized q(RowFormatFor(format), AsRows(x, 5, kCols));
      const std::vector<float> all = Product(q.rows, w.weight, 5);
      QuantizedRows picked = q.rows;
      picked.pick = pick;
      for (const std::size_t begin : {64u, 100u, 101u}) {
        const std::vector<float> y = Product(picked, w.weight.Rows(begin, 150), pick.size());
        for (std::size_t t = 0; t < pick.size(); ++t)
          EXPECT_TRUE(SameBits(std::span(y).subspan(t * 150, 150),
                               std::span(all).subspan(pick[t] * kRows + begin, 150)))
              << IsaName(isa) << " " << begin;
      }
    });
  }
}

TEST(QuantizedMatMul, SmallValuesBesideLargeOnesCount) {
  Stored w = MakeWeight(StoredFormat::kFp8Block128, 1, 128, 1);
  for (std::size_t k = 0; k < 128; ++k) w.codes[k] = static_cast<std::byte>(k % 2 == 0 ? 1 : 0x81);
  w.codes[0] = std::byte{0x7E};  // 448
  std::vector<float> x(128, 1.0f);
  for (std::size_t k = 0; k < 128; ++k) x[k] = k == 0 ? 0.0f : k % 2 == 0 ? 1.0f : -1.0f;
  const float scale = std::ldexp(1.0f, std::to_integer<int>(w.scales[0]) - 127);
  std::vector<float> eight;
  for (std::size_t t = 0; t < 8; ++t) eight.insert(eight.end(), x.begin(), x.end());
  OnEveryIsa([&](Isa isa) {
    const Quantized q(RowFormat::kInt16Block32, AsRows(eight, 8, 128));
    for (const std::size_t tokens : {1u, 2u, 8u})
      for (const float y : Product(q.rows, w.weight, tokens))
        EXPECT_NEAR(y / scale, 127 * 0x1p-9f, 1e-6f) << IsaName(isa) << " " << tokens;
  });
}

// Every input at its limit with the largest codes: the largest sums that 32 bits must hold.
TEST(QuantizedMatMul, TheLargestSumsOfABlockFit) {
  constexpr std::size_t kMost = 20, kCols = 256;
  const std::vector<float> x(kMost * kCols, 1.0f);
  for (const int code : {0x7F, 0xFF}) {  // 480, and its negative
    Stored w = MakeWeight(StoredFormat::kFp8Block128, 2, kCols, 1);
    w.scales.assign(w.scales.size(), std::byte{127});
    w.weight.scales = w.scales.data();
    std::fill(w.codes.begin(), w.codes.end(), static_cast<std::byte>(code));
    OnEveryIsa([&](Isa isa) {
      const Quantized q(RowFormat::kInt16Block32, AsRows(x, kMost, kCols));
      for (const std::size_t tokens : {std::size_t{1}, std::size_t{3}, kMost})
        for (const float y : Product(q.rows, w.weight, tokens))
          EXPECT_NEAR(y, code == 0x7F ? 480.0 * kCols : -480.0 * kCols, 0.1) << IsaName(isa);
    });
  }
}

TEST(QuantizedMatMul, InfinitiesAndNansStayInTheirToken) {
  std::vector<float> x = RandomNormals(3 * 256, 9);
  x[256 + 7] = kInf;
  for (const StoredFormat format : kFormats) {
    const Stored w = MakeWeight(format, 20, 256, 8);
    OnEveryIsa([&](Isa) {
      const Quantized q(RowFormatFor(format), AsRows(x, 3, 256));
      const std::vector<float> y = Product(q.rows, w.weight, 3);
      for (std::size_t n = 0; n < 20; ++n) {
        EXPECT_TRUE(std::isfinite(y[n]) && std::isfinite(y[40 + n]));
        EXPECT_TRUE(std::isnan(y[20 + n]));
      }
    });
  }
}

}  // namespace
}  // namespace hadal::kernels
