#include "tensor/stored_format.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "tensor/codec.h"
#include "tensor/stored_matrix.h"

namespace hadal {
namespace {

constexpr StoredFormat kFormats[] = {StoredFormat::kF32,         StoredFormat::kBf16,
                                     StoredFormat::kFp8Block128, StoredFormat::kFp8Block128F32,
                                     StoredFormat::kFp4Block32,  StoredFormat::kI64};

std::uint64_t Product(const TensorShape& shape) {
  std::uint64_t product = shape.empty() ? 0 : 1;
  for (const std::uint64_t dimension : shape) product *= dimension;
  return product;
}

TEST(StoredFormat, BytesAreThoseOfTheShapes) {
  for (const StoredFormat format : kFormats)
    for (const TensorShape& shape : {TensorShape{128, 128}, {129, 96}, {1, 32}, {640, 7168}}) {
      const StoredLayout& layout = LayoutOf(format);
      EXPECT_EQ(CodeBytes(format, shape[0], shape[1]),
                Product(CodeShape(format, shape)) * DTypeBytes(layout.codes));
      EXPECT_EQ(ScaleBytes(format, shape[0], shape[1]),
                Product(ScaleShape(format, shape)) * DTypeBytes(layout.scales));
      EXPECT_EQ(ScaleShape(format, shape).empty(), !layout.scaled());
    }
  EXPECT_EQ(ScaleShape(StoredFormat::kFp8Block128, TensorShape{129, 96}), (TensorShape{2, 1}));
  EXPECT_EQ(ScaleShape(StoredFormat::kFp4Block32, TensorShape{129, 96}), (TensorShape{129, 3}));
  EXPECT_EQ(CodeShape(StoredFormat::kFp4Block32, TensorShape{129, 96}), (TensorShape{129, 48}));
  EXPECT_EQ(StoredBytes(StoredFormat::kFp8Block128F32, 256, 128), 256u * 128 + 2 * 4);
}

TEST(StoredFormat, CodesNameThePublishedFormat) {
  for (const StoredFormat format : kFormats) {
    const StoredFormat published =
        format == StoredFormat::kFp8Block128F32 ? StoredFormat::kFp8Block128 : format;
    EXPECT_EQ(FormatOfCodes(LayoutOf(format).codes), published);
  }
  for (const DType other : {DType::kF8E8M0, DType::kU8, DType::kI32})
    EXPECT_EQ(FormatOfCodes(other), std::nullopt);
}

TEST(StoredFormat, ScaledFormatsTakeWholeBlocksOfMatrices) {
  const TensorShape vector = {64}, matrix = {3, 64}, odd = {3, 65};
  EXPECT_TRUE(CanStore(StoredFormat::kF32, vector));
  EXPECT_FALSE(CanStore(StoredFormat::kFp8Block128, vector));
  EXPECT_TRUE(CanStore(StoredFormat::kFp8Block128, odd));
  EXPECT_TRUE(CanStore(StoredFormat::kFp4Block32, matrix));
  EXPECT_FALSE(CanStore(StoredFormat::kFp4Block32, odd));
}

// A view into the middle of an FP8 matrix finds the scales of its own rows, float32 ones too.
TEST(StoredMatrix, ScalesFollowTheRows) {
  constexpr std::size_t kRows = 300, kCols = 130;
  std::vector<std::byte> codes(kRows * kCols, std::byte{F32ToE4m3(1)});
  const std::array<float, 6> scales = {1, 2, 3, 4, 5, 6};
  const StoredMatrix w{StoredFormat::kFp8Block128F32, kRows, kCols, codes.data(),
                       reinterpret_cast<const std::byte*>(scales.data())};
  std::vector<float> row(kCols);
  for (const std::size_t r : {0u, 127u, 128u, 299u}) {
    DecodeRow(w, r, row);
    EXPECT_EQ(row[0], scales[r / 128 * 2]);
    EXPECT_EQ(row[129], scales[r / 128 * 2 + 1]);
    EXPECT_EQ(w.At(r, 129), row[129]);
  }
  const StoredMatrix part = w.Rows(100, 150).Rows(20, 100);
  EXPECT_EQ(part.At(7, 0), 1);
  EXPECT_EQ(part.At(8, 0), 3);
  EXPECT_EQ(part.scale_bytes(), 4u * 4);
}

}  // namespace
}  // namespace hadal
