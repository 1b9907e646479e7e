#include "kernels/matmul.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "kernels/test_support.h"
#include "tensor/codec.h"
#include "testing/close.h"

namespace hadal::kernels {
namespace {

using testing::AllClose;
using testing::SameBits;

constexpr StoredFormat kFormats[] = {StoredFormat::kF32, StoredFormat::kBf16,
                                     StoredFormat::kFp8Block128, StoredFormat::kFp4Block32};

struct Stored {
  std::vector<std::byte> codes, scales;
  Weight weight;

  void Bind() {
    weight.codes = codes.data();
    weight.scales = scales.empty() ? nullptr : scales.data();
  }
};

template <class T>
std::vector<std::byte> BytesOf(const std::vector<T>& v) {
  std::vector<std::byte> bytes(v.size() * sizeof(T));
  std::memcpy(bytes.data(), v.data(), bytes.size());
  return bytes;
}

// Random codes: every value of the format but NaN, and scales from 2^-8 to 2^7.
Stored MakeWeight(StoredFormat format, std::size_t rows, std::size_t cols, std::uint64_t seed) {
  Stored s;
  s.weight = {format, rows, cols, nullptr, nullptr};
  Random random(seed);
  if (format == StoredFormat::kF32 || format == StoredFormat::kBf16) {
    const std::vector<float> values = RandomNormals(rows * cols, seed);
    std::vector<std::uint16_t> bf16;
    for (float v : values) bf16.push_back(F32ToBf16(v));
    s.codes = format == StoredFormat::kF32 ? BytesOf(values) : BytesOf(bf16);
  } else {
    for (std::size_t i = 0; i < s.weight.code_bytes(); ++i) {
      const auto code = static_cast<std::uint8_t>(random.Below(256));
      const bool nan = format == StoredFormat::kFp8Block128 && (code & 0x7F) == 0x7F;
      s.codes.push_back(static_cast<std::byte>(nan ? code ^ 1 : code));
    }
    for (std::size_t i = 0; i < s.weight.scale_bytes(); ++i)
      s.scales.push_back(static_cast<std::byte>(119 + random.Below(16)));
  }
  s.Bind();
  return s;
}

// Every element's (cols/16 + 8) 2^-24 sum |x w|.
std::vector<double> Bounds(View2<const float> x, const Weight& w) {
  std::vector<double> bounds(x.rows() * w.rows);
  std::vector<float> decoded(w.cols);
  for (std::size_t n = 0; n < w.rows; ++n) {
    DecodeRow(w, n, decoded);
    for (std::size_t t = 0; t < x.rows(); ++t) {
      double sum = 0;
      for (std::size_t k = 0; k < w.cols; ++k) sum += std::fabs(double{x[t][k]} * decoded[k]);
      bounds[t * w.rows + n] = (static_cast<double>(w.cols) / 16 + 8) * 0x1p-24 * sum;
    }
  }
  return bounds;
}

std::vector<float> Product(View2<const float> x, const Weight& w, std::size_t threads) {
  static Threads pools[] = {Threads(1), Threads(2), Threads(3)};
  Guarded y(x.rows() * w.rows);
  MatMul(x, w, y.As(x.rows(), w.rows), pools[threads - 1]);
  EXPECT_TRUE(y.Intact());
  return {y.span().begin(), y.span().end()};
}

void CheckShape(StoredFormat format, std::size_t tokens, std::size_t rows, std::size_t cols) {
  SCOPED_TRACE(std::to_string(tokens) + " tokens, " + std::to_string(rows) + " x " +
               std::to_string(cols) + ", format " + std::to_string(static_cast<int>(format)));
  const Stored s = MakeWeight(format, rows, cols, tokens * 7919 + rows * 31 + cols);
  const std::vector<float> x = RandomNormals(tokens * cols, cols);
  const View2<const float> view = AsRows(x, tokens, cols);
  std::vector<float> want(tokens * rows), first;
  ref::MatMul(view, s.weight, {want.data(), tokens, rows});
  const std::vector<double> bounds = Bounds(view, s.weight);
  const std::vector<float> zeros(want.size());
  OnEveryIsa([&](Isa isa) {
    const std::vector<float> got = Product(view, s.weight, 2);
    EXPECT_TRUE(AllClose(InBounds(got, want, bounds), zeros, {.abs = 1})) << IsaName(isa);
    if (IsFirstSimd(isa)) first = got;
    EXPECT_TRUE(isa == Isa::kRef || SameBits(got, first)) << IsaName(isa);
  });
}

TEST(MatMul, MatchesTheReferenceAndItselfOnEveryIsa) {
  for (StoredFormat format : kFormats)
    for (std::size_t tokens : {0u, 1u, 2u, 3u, 4u, 5u, 17u})
      for (std::size_t cols :
           {1u, 15u, 16u, 17u, 31u, 32u, 33u, 127u, 160u, 448u, 512u, 544u, 600u}) {
        if (format == StoredFormat::kFp4Block32 && cols % 32 != 0) continue;
        for (std::size_t rows : {1u, 3u, 16u, 33u}) CheckShape(format, tokens, rows, cols);
      }
}

TEST(MatMul, RealSizes) {
  for (StoredFormat format : kFormats)
    for (std::size_t tokens : {1u, 6u}) {
      CheckShape(format, tokens, 24, 16384);
      CheckShape(format, tokens, 300, 4096);
    }
  CheckShape(StoredFormat::kFp8Block128, 131, 130, 1024);
}

// The promise that a token's numbers do not depend on its company: bits, not bounds.
TEST(MatMul, AnOutputDependsOnItsRowsAlone) {
  for (StoredFormat format : kFormats) {
    const std::size_t tokens = 150, rows = 290, cols = 1088;  // over one unit, block and panel
    const Stored s = MakeWeight(format, rows, cols, 5);
    const std::vector<float> x = RandomNormals(tokens * cols, 6);
    OnEveryIsa([&](Isa isa) {
      SCOPED_TRACE(IsaName(isa));
      const std::vector<float> all = Product(AsRows(x, tokens, cols), s.weight, 1);
      EXPECT_TRUE(SameBits(Product(AsRows(x, tokens, cols), s.weight, 3), all));
      for (std::size_t count : {1u, 2u, 3u, 4u, 5u, 8u, 129u}) {
        const std::size_t first = tokens - count;
        const std::vector<float> some =
            Product(AsRows(x, tokens, cols).Rows(first, count), s.weight, 2);
        EXPECT_TRUE(SameBits(some, std::span(all).subspan(first * rows))) << count;
      }
      for (std::size_t begin : {128u, 1u, 31u, 64u, 100u, 289u})  // any, also inside a block
        for (std::size_t count : {1u, 6u}) {
          const std::size_t part_rows = std::min<std::size_t>(rows - begin, 180);
          const std::vector<float> part =
              Product(AsRows(x, count, cols), s.weight.Rows(begin, part_rows), 2);
          for (std::size_t t = 0; t < count; ++t)
            EXPECT_TRUE(SameBits(std::span(part).subspan(t * part_rows, part_rows),
                                 std::span(all).subspan(t * rows + begin, part_rows)))
                << begin;
        }
    });
  }
}

TEST(MatMul, ManyJobsOfAnyShapeInOneCall) {
  struct Shape {
    std::size_t tokens, rows, cols;
  };
  const Shape shapes[] = {{3, 40, 64}, {0, 16, 32}, {1, 1, 4096}, {140, 17, 96}, {7, 64, 128}};
  for (std::size_t threads : {1u, 2u, 5u})
    OnEveryIsa([&](Isa isa) {
      std::vector<Stored> weights;
      std::vector<std::vector<float>> inputs;
      std::vector<Guarded> outputs;
      std::vector<MatMulJob> jobs;
      for (std::size_t i = 0; i < std::size(shapes); ++i) {
        const auto [tokens, rows, cols] = shapes[i];
        weights.push_back(MakeWeight(kFormats[i % 4], rows, cols, i));
        inputs.push_back(RandomNormals(tokens * cols, i));
        outputs.emplace_back(tokens * rows);
      }
      for (std::size_t i = 0; i < std::size(shapes); ++i) {
        weights[i].Bind();
        jobs.push_back({AsRows(inputs[i], shapes[i].tokens, shapes[i].cols), weights[i].weight,
                        outputs[i].As(shapes[i].tokens, shapes[i].rows)});
      }
      Threads pool(threads);
      MatMul(jobs, pool);
      for (std::size_t i = 0; i < jobs.size(); ++i) {
        EXPECT_TRUE(outputs[i].Intact());
        EXPECT_TRUE(SameBits(outputs[i].span(), Product(jobs[i].x, jobs[i].w, 1)))
            << i << " " << IsaName(isa);
      }
    });
}

TEST(MatMul, StridedRowsAndUnalignedCodes) {
  const std::size_t tokens = 6, rows = 20, cols = 96, x_stride = 101, y_stride = 29;
  for (StoredFormat format : kFormats) {
    const Stored s = MakeWeight(format, rows, cols, 9);
    std::vector<std::byte> codes(s.codes.size() + 1), scales(s.scales.size() + 3);
    std::ranges::copy(s.codes, codes.begin() + 1);
    std::ranges::copy(s.scales, scales.begin() + 3);
    const Weight moved{format, rows, cols, codes.data() + 1, scales.data() + 3};
    const std::vector<float> x = RandomNormals(tokens * x_stride, 3);
    std::vector<float> dense;
    for (std::size_t t = 0; t < tokens; ++t)
      dense.insert(dense.end(), &x[t * x_stride], &x[t * x_stride] + cols);
    for (std::size_t count : {2u, 6u})
      OnEveryIsa([&](Isa isa) {
        Threads pool(2);
        Guarded y(count * y_stride);
        MatMul({x.data(), count, cols, x_stride}, moved, {y.span().data(), count, rows, y_stride},
               pool);
        const std::vector<float> want = Product(AsRows(dense, count, cols), s.weight, 1);
        for (std::size_t t = 0; t < count; ++t) {
          EXPECT_TRUE(SameBits(y.span().subspan(t * y_stride, rows),
                               std::span(want).subspan(t * rows, rows)))
              << IsaName(isa);
          for (float between : y.span().subspan(t * y_stride + rows, y_stride - rows))
            EXPECT_TRUE(std::isnan(between)) << "wrote between the rows";
        }
      });
  }
}

// NaN codes, NaN scales and the two ends of the scales' range, in whole groups and in row ends.
// From scale 2^120 (byte 247) on a code times its scale may exceed float32: no reference there, but
// the result still depends on nothing else.
TEST(MatMul, RareCodesAndScales) {
  const std::size_t rows = 18, cols = 128 + 33;
  for (unsigned scale : {0u, 1u, 60u, 245u, 246u, 247u, 254u, 255u}) {
    Stored s = MakeWeight(StoredFormat::kFp8Block128, rows, cols, scale);
    s.scales = {std::byte{127}, static_cast<std::byte>(scale)};
    s.Bind();
    s.codes[3] = std::byte{0x7F};
    s.codes[5 * cols + 140] = std::byte{0xFF};
    s.codes[7 * cols + cols - 1] = std::byte{0x7F};
    const std::vector<float> x = RandomNormals(9 * cols, 4, 1e-3f);
    std::vector<float> want(9 * rows), first;
    ref::MatMul(AsRows(x, 9, cols), s.weight, {want.data(), 9, rows});
    OnEverySimdIsa([&](Isa isa) {
      SCOPED_TRACE(std::string(IsaName(isa)) + " scale " + std::to_string(scale));
      const std::vector<float> got = Product(AsRows(x, 9, cols), s.weight, 1);
      EXPECT_TRUE(std::isnan(got[0]) && std::isnan(got[5]) && std::isnan(got[7]));
      if (scale < 247 || scale == 255) {
        EXPECT_TRUE(AllClose(got, want, {.rel = 1e-3, .abs = 1e-3}));
      }
      if (IsFirstSimd(isa)) first = got;
      EXPECT_TRUE(AllClose(got, first, {}));
      const std::vector<float> one = Product(AsRows(x, 1, cols), s.weight, 1);
      EXPECT_TRUE(AllClose(one, std::span(got).first(rows), {}));
    });
  }
}

TEST(MatMul, EveryFp8AndFp4CodeIsWorthItsValue) {
  std::vector<float> unit(256 * 256, 0.0f);  // token k reads column k
  for (std::size_t k = 0; k < 256; ++k) unit[k * 256 + k] = 1;
  Stored s = MakeWeight(StoredFormat::kFp8Block128, 1, 256, 1);
  for (std::size_t k = 0; k < 256; ++k) s.codes[k] = static_cast<std::byte>(k);
  s.codes[0x7F] = s.codes[0xFF] = std::byte{0};  // NaN would reach every token
  s.scales = {std::byte{127}, std::byte{120}};
  Stored fp4 = MakeWeight(StoredFormat::kFp4Block32, 1, 256, 1);
  for (std::size_t k = 0; k < 128; ++k) fp4.codes[k] = static_cast<std::byte>(k * 37);
  for (Stored* stored : {&s, &fp4}) {
    stored->Bind();
    std::vector<float> want(256);
    DecodeRow(stored->weight, 0, want);
    OnEveryIsa([&](Isa isa) {
      EXPECT_TRUE(AllClose(Product(AsRows(unit, 256, 256), stored->weight, 1), want, {}))
          << IsaName(isa);
      for (std::size_t k = 0; k < 256; k += 3)
        EXPECT_EQ(Product(AsRows(unit, 256, 256).Rows(k, 1), stored->weight, 1)[0], want[k]) << k;
    });
  }
}

TEST(MatMul, AWrongCodeIsSeen) {  // negative control
  for (StoredFormat format : kFormats) {
    Stored s = MakeWeight(format, 17, 512, 2);
    const std::vector<float> x = RandomNormals(512, 8);
    std::vector<float> want(17);
    ref::MatMul(AsRows(x, 1, 512), s.weight, {want.data(), 1, 17});
    const std::vector<double> bounds = Bounds(AsRows(x, 1, 512), s.weight);
    s.codes.back() ^= std::byte{0x10};
    EXPECT_FALSE(AllClose(InBounds(Product(AsRows(x, 1, 512), s.weight, 1), want, bounds),
                          std::vector<float>(17), {.abs = 1}));
  }
}

TEST(Weight, PartsOfRows) {
  for (StoredFormat format : kFormats) {
    const Stored s = MakeWeight(format, 300, 160, 3);
    EXPECT_EQ(s.weight.code_bytes(), s.codes.size());
    const Weight part = s.weight.Rows(128, 100);
    std::vector<float> got(160), want(160);
    const Weight inside = s.weight.Rows(70, 200).Rows(50, 100);
    for (std::size_t row : {0u, 1u, 8u, 99u}) {
      DecodeRow(part, row, got);
      DecodeRow(s.weight, 128 + row, want);
      EXPECT_TRUE(SameBits(got, want));
      DecodeRow(inside, row, got);
      DecodeRow(s.weight, 120 + row, want);
      EXPECT_TRUE(SameBits(got, want));
    }
  }
}

}  // namespace
}  // namespace hadal::kernels
