#include "kernels/block_quant.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "tensor/codec.h"

namespace hadal::kernels {
namespace {

constexpr std::size_t kKvBlock = 64, kFp4Block = 32;

float Amax(std::span<const float> x) {
  float amax = 0;
  for (float v : x) amax = std::fabs(v) > amax ? std::fabs(v) : amax;
  return amax;
}

// An infinite block has an infinite scale: it is stored as E8M0's NaN, and so are all its elements.
std::byte ScaleByte(float scale) {
  return static_cast<std::byte>(std::bit_cast<std::uint32_t>(scale) >> 23);
}

float ScaleValue(std::byte code) { return E8m0ToF32(std::to_integer<std::uint8_t>(code)); }

void RoundFp8Block(std::span<float> x) {
  const float scale = Fp8Scale(Amax(x));
  for (float& v : x) v = E4m3ToF32(F32ToE4m3(v / scale)) * scale;
}

void RoundFp4Block(std::span<float> x) {
  const float scale = Fp4Scale(Amax(x));
  for (float& v : x) v = E2m1ToF32(F32ToE2m1(v / scale)) * scale;
}

void StoreBf16(float v, std::byte* p) {
  const std::uint16_t code = F32ToBf16(v);
  std::memcpy(p, &code, sizeof(code));
}

float LoadBf16(const std::byte* p) {
  std::uint16_t code;
  std::memcpy(&code, p, sizeof(code));
  return Bf16ToF32(code);
}

void CheckKvEntry(KvEntryShape shape, std::size_t channels, std::size_t bytes) {
  HADAL_CHECK(shape.rope_dim <= shape.head_dim && shape.nope() % kKvBlock == 0);
  HADAL_CHECK(channels == shape.head_dim && bytes == shape.bytes());
}

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
  for (float& v : x) v = RoundToBf16(v);
}

void EncodeKvEntry(KvEntryShape shape, std::span<const float> kv, std::span<std::byte> entry) {
  CheckKvEntry(shape, kv.size(), entry.size());
  const std::size_t nope = shape.nope();
  std::byte* rope = entry.data() + nope;
  std::byte* scales = rope + 2 * shape.rope_dim;
  for (std::size_t b = 0; b < nope / kKvBlock; ++b) {
    const std::span<const float> block = kv.subspan(b * kKvBlock, kKvBlock);
    const float scale = Fp8Scale(Amax(block));
    for (std::size_t i = 0; i < kKvBlock; ++i)
      entry[b * kKvBlock + i] = static_cast<std::byte>(F32ToE4m3(block[i] / scale));
    scales[b] = ScaleByte(scale);
  }
  for (std::size_t i = 0; i < shape.rope_dim; ++i) StoreBf16(kv[nope + i], rope + 2 * i);
  std::fill(scales + nope / kKvBlock, entry.data() + entry.size(), std::byte{0});
}

void DecodeKvEntry(KvEntryShape shape, std::span<const std::byte> entry, std::span<float> kv) {
  CheckKvEntry(shape, kv.size(), entry.size());
  const std::size_t nope = shape.nope();
  const std::byte* rope = entry.data() + nope;
  const std::byte* scales = rope + 2 * shape.rope_dim;
  for (std::size_t i = 0; i < nope; ++i)
    kv[i] = E4m3ToF32(std::to_integer<std::uint8_t>(entry[i])) * ScaleValue(scales[i / kKvBlock]);
  for (std::size_t i = 0; i < shape.rope_dim; ++i) kv[nope + i] = LoadBf16(rope + 2 * i);
}

void EncodeIndexKey(std::span<const float> key, std::span<std::byte> entry) {
  CheckIndexKey(key.size(), entry.size());
  std::byte* scales = entry.data() + key.size() / 2;
  for (std::size_t b = 0; b < key.size() / kFp4Block; ++b) {
    const std::span<const float> block = key.subspan(b * kFp4Block, kFp4Block);
    const float scale = Fp4Scale(Amax(block));
    for (std::size_t i = 0; i < kFp4Block; i += 2) {
      const unsigned even = F32ToE2m1(block[i] / scale), odd = F32ToE2m1(block[i + 1] / scale);
      entry[(b * kFp4Block + i) / 2] = static_cast<std::byte>(even | odd << 4);
    }
    scales[b] = ScaleByte(scale);
  }
}

void DecodeIndexKey(std::span<const std::byte> entry, std::span<float> key) {
  CheckIndexKey(key.size(), entry.size());
  const std::byte* scales = entry.data() + key.size() / 2;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const auto pair = std::to_integer<std::uint8_t>(entry[i / 2]);
    const auto code = static_cast<std::uint8_t>(i % 2 == 0 ? pair & 15 : pair >> 4);
    key[i] = E2m1ToF32(code) * ScaleValue(scales[i / kFp4Block]);
  }
}

}  // namespace hadal::kernels
