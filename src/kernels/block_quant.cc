#include "kernels/block_quant.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "kernels/simd.h"
#include "tensor/codec.h"

namespace hadal::kernels {
namespace {

constexpr std::size_t kKvBlock = 64, kFp4Block = 32;
constexpr std::byte kNanScale{255};

// A NaN counts as infinity: a block that holds either has no finite scale and becomes NaN throughout.
float PlainAmax(std::span<const float> x) {
  float amax = 0;
  for (float v : x) {
    if (std::isnan(v)) return std::numeric_limits<float>::infinity();
    amax = std::max(amax, std::fabs(v));
  }
  return amax;
}

float Amax(std::span<const float> x) {
  const auto simd = HADAL_ACTIVE(Amax);
  return simd == nullptr ? PlainAmax(x) : simd(x.data(), x.size());
}

float ScaleValue(std::byte code) { return E8m0ToF32(std::to_integer<std::uint8_t>(code)); }
std::byte ScaleByte(float scale) { return static_cast<std::byte>(PowerOfTwoToE8m0(scale)); }

std::uint8_t* Bytes(std::span<std::byte> codes) {
  return reinterpret_cast<std::uint8_t*>(codes.data());
}
const std::uint8_t* Bytes(std::span<const std::byte> codes) {
  return reinterpret_cast<const std::uint8_t*>(codes.data());
}

void FillNan(std::span<float> x) { std::ranges::fill(x, std::numeric_limits<float>::quiet_NaN()); }

void RoundFp8Block(std::span<float> x) {
  const float scale = Fp8Scale(Amax(x));
  if (std::isinf(scale)) return FillNan(x);
  if (const auto simd = HADAL_ACTIVE(RoundFp8); simd != nullptr)
    return simd(x.data(), x.size(), scale);
  for (float& v : x) v = E4m3ToF32(F32ToE4m3(v / scale)) * scale;
}

void RoundFp4Block(std::span<float> x) {
  const float scale = Fp4Scale(Amax(x));
  if (std::isinf(scale)) return FillNan(x);
  if (const auto simd = HADAL_ACTIVE(RoundFp4); simd != nullptr)
    return simd(x.data(), x.size(), scale);
  for (float& v : x) v = E2m1ToF32(F32ToE2m1(v / scale)) * scale;
}

// The scale's byte; codes of a block without one are zeros.
std::byte EncodeFp8Block(std::span<const float> x, std::span<std::byte> codes) {
  const float scale = Fp8Scale(Amax(x));
  if (std::isinf(scale)) {
    std::ranges::fill(codes, std::byte{0});
    return kNanScale;
  }
  if (const auto simd = HADAL_ACTIVE(EncodeFp8); simd != nullptr)
    simd(x.data(), x.size(), scale, Bytes(codes));
  else
    for (std::size_t i = 0; i < x.size(); ++i) codes[i] = std::byte{F32ToE4m3(x[i] / scale)};
  return ScaleByte(scale);
}

std::byte EncodeFp4Block(std::span<const float> x, std::span<std::byte> codes) {
  const float scale = Fp4Scale(Amax(x));
  if (std::isinf(scale)) {
    std::ranges::fill(codes, std::byte{0});
    return kNanScale;
  }
  if (const auto simd = HADAL_ACTIVE(EncodeFp4); simd != nullptr) {
    simd(x.data(), x.size(), scale, Bytes(codes));
  } else {
    for (std::size_t i = 0; i < x.size(); i += 2) {
      const unsigned even = F32ToE2m1(x[i] / scale), odd = F32ToE2m1(x[i + 1] / scale);
      codes[i / 2] = static_cast<std::byte>(even | odd << 4);
    }
  }
  return ScaleByte(scale);
}

void DecodeFp8Block(std::span<const std::byte> codes, float scale, std::span<float> x) {
  if (const auto simd = HADAL_ACTIVE(DecodeFp8); simd != nullptr)
    return simd(Bytes(codes), x.size(), scale, x.data());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = E4m3ToF32(Bytes(codes)[i]) * scale;
}

void DecodeFp4Block(std::span<const std::byte> codes, float scale, std::span<float> x) {
  if (const auto simd = HADAL_ACTIVE(DecodeFp4); simd != nullptr)
    return simd(Bytes(codes), x.size(), scale, x.data());
  for (std::size_t i = 0; i < x.size(); i += 2) {
    const std::uint8_t pair = Bytes(codes)[i / 2];
    x[i] = E2m1ToF32(pair & 15) * scale;
    x[i + 1] = E2m1ToF32(static_cast<std::uint8_t>(pair >> 4)) * scale;
  }
}

// Where an entry's fields lie.
template <class Byte>
struct KvFields {
  KvFields(KvEntryShape shape, std::span<Byte> entry, std::size_t channels)
      : codes(entry.first(std::min(shape.nope(), entry.size()))) {
    HADAL_CHECK(shape.rope_dim <= shape.head_dim && shape.nope() % kKvBlock == 0);
    HADAL_CHECK(channels == shape.head_dim && entry.size() == shape.bytes());
    rope = entry.subspan(shape.nope(), 2 * shape.rope_dim);
    scales = entry.subspan(shape.nope() + 2 * shape.rope_dim, shape.nope() / kKvBlock);
    padding = entry.subspan(shape.nope() + 2 * shape.rope_dim + scales.size());
  }
  std::span<Byte> codes, rope, scales, padding;
};

void CheckIndexKey(std::size_t dim, std::size_t bytes) {
  HADAL_CHECK(dim % kFp4Block == 0 && bytes == IndexKeyBytes(dim));
}

}  // namespace

void RoundFp8(std::span<float> x, std::size_t block) {
  HADAL_CHECK(block == 64 || block == 128);
  for (std::size_t begin = 0; begin < x.size(); begin += block)
    RoundFp8Block(x.subspan(begin, std::min(block, x.size() - begin)));
}

void RoundFp4(std::span<float> x) {
  HADAL_CHECK(x.size() % kFp4Block == 0);
  for (std::size_t begin = 0; begin < x.size(); begin += kFp4Block)
    RoundFp4Block(x.subspan(begin, kFp4Block));
}

void RoundBf16(std::span<float> x) {
  if (const auto simd = HADAL_ACTIVE(RoundBf16); simd != nullptr) return simd(x.data(), x.size());
  for (float& v : x) v = RoundToBf16(v);
}

void EncodeKvEntry(KvEntryShape shape, std::span<const float> kv, std::span<std::byte> entry) {
  const KvFields<std::byte> to(shape, entry, kv.size());
  for (std::size_t b = 0; b < to.scales.size(); ++b)
    to.scales[b] = EncodeFp8Block(kv.subspan(b * kKvBlock, kKvBlock),
                                  to.codes.subspan(b * kKvBlock, kKvBlock));
  for (std::size_t i = 0; i < shape.rope_dim; ++i) {
    const std::uint16_t code = F32ToBf16(kv[shape.nope() + i]);
    std::memcpy(&to.rope[2 * i], &code, sizeof(code));
  }
  std::ranges::fill(to.padding, std::byte{0});
}

void DecodeKvEntry(KvEntryShape shape, std::span<const std::byte> entry, std::span<float> kv) {
  const KvFields<const std::byte> from(shape, entry, kv.size());
  for (std::size_t b = 0; b < from.scales.size(); ++b)
    DecodeFp8Block(from.codes.subspan(b * kKvBlock, kKvBlock), ScaleValue(from.scales[b]),
                   kv.subspan(b * kKvBlock, kKvBlock));
  for (std::size_t i = 0; i < shape.rope_dim; ++i) {
    std::uint16_t code;
    std::memcpy(&code, &from.rope[2 * i], sizeof(code));
    kv[shape.nope() + i] = Bf16ToF32(code);
  }
}

void EncodeIndexKey(std::span<const float> key, std::span<std::byte> entry) {
  CheckIndexKey(key.size(), entry.size());
  const std::span<std::byte> scales = entry.subspan(key.size() / 2);
  for (std::size_t b = 0; b < scales.size(); ++b)
    scales[b] = EncodeFp4Block(key.subspan(b * kFp4Block, kFp4Block),
                               entry.subspan(b * kFp4Block / 2, kFp4Block / 2));
}

void DecodeIndexKey(std::span<const std::byte> entry, std::span<float> key) {
  CheckIndexKey(key.size(), entry.size());
  const std::span<const std::byte> scales = entry.subspan(key.size() / 2);
  for (std::size_t b = 0; b < scales.size(); ++b)
    DecodeFp4Block(entry.subspan(b * kFp4Block / 2, kFp4Block / 2), ScaleValue(scales[b]),
                   key.subspan(b * kFp4Block, kFp4Block));
}

}  // namespace hadal::kernels
