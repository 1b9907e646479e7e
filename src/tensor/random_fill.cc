#include "tensor/random_fill.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "base/random.h"
#include "tensor/codec.h"

namespace hadal {
namespace {

constexpr double kFp8Deviation = 120;  // in units of the block's scale: 448 is 3.7 of them
// 2.7 times the 16 quantiles, rounded to codes, are each of the 16 codes once.
constexpr double kFp4Spread = 2.7, kFp4Deviation = 2.926;
constexpr std::size_t kNormals = 4096;

std::uint64_t Word(std::uint64_t key, std::uint64_t index) {
  return MixBits(key + (index + 1) * 0x9E3779B97F4A7C15u);
}

// x such that a standard normal number is below it with probability p.
double NormalQuantile(double p) {
  double low = -10, high = 10;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(-middle / std::sqrt(2.0)) / 2 < p ? low : high) = middle;
  }
  return low;
}

// The middles of `count` slices of equal probability.
std::vector<double> Quantiles(std::size_t count) {
  std::vector<double> out(count);
  for (std::size_t i = 0; i < count; ++i)
    out[i] = NormalQuantile((static_cast<double>(i) + 0.5) / static_cast<double>(count));
  return out;
}

const std::vector<double>& Normals() {
  static const std::vector<double> normals = Quantiles(kNormals);
  return normals;
}

// Most blocks have the scale that meets the deviation best, some one power of two more or less.
ByteFill ScaleFill(std::uint64_t key, double deviation, double code_deviation) {
  const int middle = 127 + static_cast<int>(std::lround(std::log2(deviation / code_deviation)));
  std::array<std::uint8_t, 256> table;
  for (std::size_t i = 0; i < 256; ++i) {
    const int step = i < 48 ? -1 : i < 80 ? 1 : 0;
    table[i] = static_cast<std::uint8_t>(std::clamp(middle + step, 1, 254));
  }
  return {key, table};
}

template <class T, class Convert>
NormalFill<T> MakeNormalFill(std::uint64_t key, double mean, double deviation, Convert convert) {
  std::vector<T> table;
  for (const double x : Normals())
    table.push_back(convert(static_cast<float>(mean + deviation * x)));
  return {key, std::move(table)};
}

}  // namespace

void ByteFill::operator()(std::uint64_t offset, std::span<std::byte> out) const {
  HADAL_CHECK(offset % 8 == 0);
  std::uint64_t index = offset / 8;
  for (std::size_t i = 0; i < out.size(); i += 8, ++index) {
    const std::uint64_t word = Word(key_, index);
    std::uint8_t bytes[8];
    for (std::size_t k = 0; k < 8; ++k) bytes[k] = table_[(word >> (8 * k)) & 255];
    std::memcpy(out.data() + i, bytes, std::min<std::size_t>(8, out.size() - i));
  }
}

template <class T>
void NormalFill<T>::operator()(std::uint64_t offset, std::span<std::byte> out) const {
  constexpr std::size_t kBytes = 4 * sizeof(T);  // four numbers a word
  HADAL_CHECK(offset % kBytes == 0);
  std::uint64_t index = offset / kBytes;
  for (std::size_t i = 0; i < out.size(); i += kBytes, ++index) {
    const std::uint64_t word = Word(key_, index);
    T values[4];
    for (std::size_t k = 0; k < 4; ++k) values[k] = table_[(word >> (16 * k)) & (kNormals - 1)];
    std::memcpy(out.data() + i, values, std::min(kBytes, out.size() - i));
  }
}
template class NormalFill<float>;
template class NormalFill<std::uint16_t>;

ByteFill Fp8CodeFill(std::uint64_t key) {
  const std::vector<double> normals = Quantiles(256);
  std::array<std::uint8_t, 256> table;
  for (std::size_t i = 0; i < 256; ++i)
    table[i] = F32ToE4m3(static_cast<float>(kFp8Deviation * normals[i]));
  return {key, table};
}

ByteFill Fp4CodeFill(std::uint64_t key) {
  const std::vector<double> normals = Quantiles(16);
  std::array<std::uint8_t, 256> table;
  for (std::size_t i = 0; i < 256; ++i) {
    const auto code = [&](std::size_t nibble) {
      return F32ToE2m1(static_cast<float>(kFp4Spread * normals[nibble]));
    };
    table[i] = static_cast<std::uint8_t>(code(i % 16) | code(i / 16) << 4);
  }
  return {key, table};
}

ByteFill Fp8ScaleFill(std::uint64_t key, double deviation) {
  return ScaleFill(key, deviation, kFp8Deviation);
}
ByteFill Fp4ScaleFill(std::uint64_t key, double deviation) {
  return ScaleFill(key, deviation, kFp4Deviation);
}

NormalFill<float> FloatFill(std::uint64_t key, double mean, double deviation) {
  return MakeNormalFill<float>(key, mean, deviation, [](float v) { return v; });
}
NormalFill<std::uint16_t> Bf16Fill(std::uint64_t key, double mean, double deviation) {
  return MakeNormalFill<std::uint16_t>(key, mean, deviation, F32ToBf16);
}

}  // namespace hadal
