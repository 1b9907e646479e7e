// The kernels against the official vectors: stored formats, quantised products, Hadamard.
#include <cmath>

#include "base/threads.h"
#include "kernels/block_quant.h"
#include "kernels/hadamard.h"
#include "kernels/matmul.h"
#include "tensor/codec.h"
#include "testing/close.h"
#include "units.h"

namespace hadal {
namespace {

using kernels::Weight;
using testing::AllClose;
using testing::RelativeError;
using testing::SameBits;

TEST_F(Units, ScalarCodecs) {
  EXPECT_TRUE(AllClose(E4m3Table(), Floats("e4m3.table"), {}));
  EXPECT_TRUE(SameBits(kE2m1Values, Floats("e2m1.table")));
  const auto e8m0 = Floats("e8m0.table");
  for (std::size_t i = 0; i < 255; ++i)
    EXPECT_EQ(E8m0ToF32(static_cast<std::uint8_t>(i)), e8m0[i]) << i;
  const auto in8 = Floats("e4m3.in"), in4 = Floats("e2m1.in");
  const auto codes8 = Raw<std::uint8_t>("e4m3.code"), codes4 = Raw<std::uint8_t>("e2m1.code");
  for (std::size_t i = 0; i < in8.size(); ++i) EXPECT_EQ(F32ToE4m3(in8[i]), codes8[i]) << in8[i];
  for (std::size_t i = 0; i < in4.size(); ++i) EXPECT_EQ(F32ToE2m1(in4[i]), codes4[i]) << in4[i];
}

// Values through the block kernels: a 448 or a 6 in front gives every block the scale 1.
TEST_F(Units, RoundingOfEveryListedValue) {
  OnEveryIsa([&] {
    const auto in8 = Floats("e4m3.in"), want8 = Floats("e4m3.value");
    for (std::size_t i = 0; i < in8.size(); ++i) {
      if (std::fabs(in8[i]) > 448) continue;
      std::vector<float> block(64, 448.0f);
      block[i % 63 + 1] = in8[i];
      kernels::RoundFp8(block, 64);
      EXPECT_EQ(block[i % 63 + 1], want8[i]) << in8[i];
    }
    const auto in4 = Floats("e2m1.in"), want4 = Floats("e2m1.value");
    for (std::size_t i = 0; i < in4.size(); ++i) {
      if (std::fabs(in4[i]) > 6) continue;
      std::vector<float> block(32, 6.0f);
      block[i % 31 + 1] = in4[i];
      kernels::RoundFp4(block);
      EXPECT_EQ(block[i % 31 + 1], want4[i]) << in4[i];
    }
  });
}

TEST_F(Units, Fp8Blocks) {
  OnEveryIsa([&] {
    for (const std::string group : {"fp8_block.bf16in", "fp8_block.f32in"})
      for (std::size_t block : {64u, 128u}) {
        std::vector<float> x = Floats(group + ".x");
        for (std::size_t row = 0; row < x.size() / 256; ++row)
          kernels::RoundFp8(std::span(x).subspan(row * 256, 256), block);
        EXPECT_TRUE(SameBits(x, Floats(group + ".b" + std::to_string(block) + ".dequant")))
            << group << block;
      }
  });
}

// A key-value entry without rotary channels is exactly the codes and scales of 64-blocks.
TEST_F(Units, StoredKvEntries) {
  const kernels::KvEntryShape shape{.head_dim = 256, .rope_dim = 0};
  OnEveryIsa([&] {
    for (const std::string group : {"fp8_block.bf16in", "fp8_block.f32in"}) {
      const auto x = Floats(group + ".x"), dequant = Floats(group + ".b64.dequant");
      const auto codes = Raw<std::byte>(group + ".b64.code");
      const auto scales = Floats(group + ".b64.scale");
      for (std::size_t row = 0; row < x.size() / 256; ++row) {
        std::vector<std::byte> entry(shape.bytes());
        kernels::EncodeKvEntry(shape, std::span(x).subspan(row * 256, 256), entry);
        EXPECT_TRUE(std::equal(entry.begin(), entry.begin() + 256,
                               codes.begin() + static_cast<std::ptrdiff_t>(row * 256)));
        for (std::size_t b = 0; b < 4; ++b)
          EXPECT_EQ(E8m0ToF32(std::to_integer<std::uint8_t>(entry[256 + b])), scales[row * 4 + b]);
        std::vector<float> back = Poisoned(256);
        kernels::DecodeKvEntry(shape, entry, back);
        EXPECT_TRUE(SameBits(back, std::span(dequant).subspan(row * 256, 256)));
      }
    }
  });
}

TEST_F(Units, Fp4BlocksAndStoredIndexKeys) {
  OnEveryIsa([&] {
    std::vector<float> x = Floats("fp4_block.x");
    const auto dequant = Floats("fp4_block.dequant"), scales = Floats("fp4_block.scale");
    const auto packed = Raw<std::byte>("fp4_block.packed");
    for (std::size_t row = 0; row < 10; ++row) {
      const std::span<float> key = std::span(x).subspan(row * 128, 128);
      std::vector<std::byte> entry(kernels::IndexKeyBytes(128));
      kernels::EncodeIndexKey(key, entry);
      EXPECT_TRUE(std::equal(entry.begin(), entry.begin() + 64,
                             packed.begin() + static_cast<std::ptrdiff_t>(row * 64)));
      for (std::size_t b = 0; b < 4; ++b)
        EXPECT_EQ(E8m0ToF32(std::to_integer<std::uint8_t>(entry[64 + b])), scales[row * 4 + b]);
      std::vector<float> back = Poisoned(128);
      kernels::DecodeIndexKey(entry, back);
      EXPECT_TRUE(SameBits(back, std::span(dequant).subspan(row * 128, 128)));
      kernels::RoundFp4(key);
    }
    EXPECT_TRUE(SameBits(x, dequant));
  });
}

struct StoredWeight {
  std::vector<std::byte> codes, scales;
  Weight weight;
};

TEST_F(Units, WeightsAndQuantisedProducts) {
  const std::pair<std::string, StoredFormat> formats[] = {{"fp8", StoredFormat::kFp8Block128},
                                                          {"fp4", StoredFormat::kFp4Block32}};
  OnEveryIsa([&] {
    for (const auto& [format, id] : formats) {
      const std::string weight = "weight_" + format, linear = "linear_" + format;
      const auto codes = Raw<std::byte>(weight + ".weight"),
                 scales = Raw<std::byte>(weight + ".scale");
      const auto dequant = Floats(weight + ".dequant");
      const Weight w{id, Dim(weight + ".dequant", 0), Dim(weight + ".dequant", 1), codes.data(),
                     scales.data()};
      for (std::size_t row = 0; row < w.rows; ++row) {
        std::vector<float> decoded = Poisoned(w.cols);
        DecodeRow(w, row, decoded);
        EXPECT_TRUE(SameBits(decoded, std::span(dequant).subspan(row * w.cols, w.cols))) << row;
      }
      std::vector<float> x = Floats(linear + ".x"), y = Poisoned(5 * w.rows);
      for (std::size_t t = 0; t < 5; ++t)
        kernels::RoundFp8(std::span(x).subspan(t * w.cols, w.cols), 128);
      Threads threads(2);
      kernels::MatMul(Rows(x, w.cols), w, Rows(y, w.rows), threads);
      const auto want = Floats(linear + ".y_f32");
      for (std::size_t t = 0; t < 5; ++t)
        EXPECT_LT(RelativeError(std::span(y).subspan(t * w.rows, w.rows),
                                std::span(want).subspan(t * w.rows, w.rows)),
                  1e-6);
      EXPECT_TRUE(AlmostAllSameBf16(ToBf16(y), Floats(linear + ".y_bf16")));
    }
  });
}

TEST_F(Units, Hadamard) {
  OnEveryIsa([&] {
    for (std::size_t n : {32u, 64u, 128u}) {
      const std::string group = "hadamard." + std::to_string(n);
      std::vector<float> x = Floats(group + ".x"), rounded = Floats(group + ".x_bf16");
      for (std::size_t row = 0; row < 4; ++row) {
        kernels::Hadamard(std::span(x).subspan(row * n, n));
        kernels::Hadamard(std::span(rounded).subspan(row * n, n));
      }
      EXPECT_TRUE(AllClose(x, Floats(group + ".y"), {.rel = 1e-6, .abs = 1e-6}));
      EXPECT_TRUE(AlmostAllSameBf16(ToBf16(rounded), Floats(group + ".y_bf16")));
    }
  });
}

TEST_F(Units, RotateThenRoundToFp4) {
  OnEveryIsa([&] {
    std::vector<float> x = Floats("rotate_fp4.x"), rotated = Floats("rotate_fp4.rotated");
    for (std::size_t row = 0; row < 6; ++row) kernels::Hadamard(std::span(x).subspan(row * 64, 64));
    EXPECT_TRUE(AlmostAllSameBf16(ToBf16(x), rotated));
    kernels::RoundFp4(rotated);
    EXPECT_TRUE(AllClose(rotated, Floats("rotate_fp4.y"), {}));
  });
}

}  // namespace
}  // namespace hadal
