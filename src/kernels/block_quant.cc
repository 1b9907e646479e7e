#include "kernels/block_quant.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "kernels/share_rows.h"
#include "kernels/simd.h"
#include "tensor/codec.h"

namespace hadal::kernels {
namespace {

constexpr std::size_t kKvBlock = 64, kFp4Block = 32;
constexpr std::size_t kLanes = 16;  // vector coding is for whole vectors
constexpr std::byte kNanScale{255};

float ScaleValue(std::byte code) { return E8m0ToF32(std::to_integer<std::uint8_t>(code)); }
std::byte ScaleByte(float scale) { return static_cast<std::byte>(PowerOfTwoToE8m0(scale)); }

std::uint8_t* Bytes(std::span<std::byte> codes) {
  return reinterpret_cast<std::uint8_t*>(codes.data());
}
const std::uint8_t* Bytes(std::span<const std::byte> codes) {
  return reinterpret_cast<const std::uint8_t*>(codes.data());
}

// What is done with the numbers of one block whose scale is known: by the codecs, and by the active
// instruction set. Both give the same bits.
struct PlainBlocks {
  // A NaN counts as infinity: a block with either has no finite scale and becomes NaN throughout.
  static float Amax(std::span<const float> x) {
    float amax = 0;
    for (float v : x) {
      if (std::isnan(v)) return std::numeric_limits<float>::infinity();
      amax = std::max(amax, std::fabs(v));
    }
    return amax;
  }
  static void RoundFp8(std::span<float> x, float scale) {
    for (float& v : x) v = E4m3ToF32(F32ToE4m3(v / scale)) * scale;
  }
  static void RoundFp4(std::span<float> x, float scale) {
    for (float& v : x) v = E2m1ToF32(F32ToE2m1(v / scale)) * scale;
  }
  static void EncodeFp8(std::span<const float> x, float scale, std::span<std::byte> codes) {
    for (std::size_t i = 0; i < x.size(); ++i) codes[i] = std::byte{F32ToE4m3(x[i] / scale)};
  }
  static void DecodeFp8(std::span<const std::byte> codes, float scale, std::span<float> x) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = E4m3ToF32(Bytes(codes)[i]) * scale;
  }
  static void EncodeFp4(std::span<const float> x, float scale, std::span<std::byte> codes) {
    for (std::size_t i = 0; i < x.size(); i += 2) {
      const unsigned even = F32ToE2m1(x[i] / scale), odd = F32ToE2m1(x[i + 1] / scale);
      codes[i / 2] = static_cast<std::byte>(even | odd << 4);
    }
  }
  static void DecodeFp4(std::span<const std::byte> codes, float scale, std::span<float> x) {
    for (std::size_t i = 0; i < x.size(); i += 2) {
      const std::uint8_t pair = Bytes(codes)[i / 2];
      x[i] = E2m1ToF32(pair & 15) * scale;
      x[i + 1] = E2m1ToF32(static_cast<std::uint8_t>(pair >> 4)) * scale;
    }
  }
};

struct VectorBlocks {  // where ActiveIsa() is not kRef
  static float Amax(std::span<const float> x) { return HADAL_ACTIVE(Amax)(x.data(), x.size()); }
  static void RoundFp8(std::span<float> x, float scale) {
    HADAL_ACTIVE(RoundFp8)(x.data(), x.size(), scale);
  }
  static void RoundFp4(std::span<float> x, float scale) {
    HADAL_ACTIVE(RoundFp4)(x.data(), x.size(), scale);
  }
  static void EncodeFp8(std::span<const float> x, float scale, std::span<std::byte> codes) {
    HADAL_ACTIVE(EncodeFp8)(x.data(), x.size(), scale, Bytes(codes));
  }
  static void DecodeFp8(std::span<const std::byte> codes, float scale, std::span<float> x) {
    HADAL_ACTIVE(DecodeFp8)(Bytes(codes), x.size(), scale, x.data());
  }
  static void EncodeFp4(std::span<const float> x, float scale, std::span<std::byte> codes) {
    HADAL_ACTIVE(EncodeFp4)(x.data(), x.size(), scale, Bytes(codes));
  }
  static void DecodeFp4(std::span<const std::byte> codes, float scale, std::span<float> x) {
    HADAL_ACTIVE(DecodeFp4)(Bytes(codes), x.size(), scale, x.data());
  }
};

void FillNan(std::span<float> x) { std::ranges::fill(x, std::numeric_limits<float>::quiet_NaN()); }

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

template <std::size_t kCount>
void DecodeSomeBf16(const std::byte* codes, float* x) {
  std::array<std::uint16_t, kCount> from;
  std::array<float, kCount> to;
  std::memcpy(from.data(), codes, sizeof(from));
  for (std::size_t i = 0; i < kCount; ++i) to[i] = Bf16ToF32(from[i]);
  std::memcpy(x, to.data(), sizeof(to));
}

// Eight at a time, of memory that overlaps nothing: so the compiler takes them as vectors.
void DecodeBf16(std::span<const std::byte> codes, std::span<float> x) {
  constexpr std::size_t kAtOnce = 8;
  std::size_t i = 0;
  for (; i + kAtOnce <= x.size(); i += kAtOnce) DecodeSomeBf16<kAtOnce>(&codes[2 * i], &x[i]);
  for (; i < x.size(); ++i) DecodeSomeBf16<1>(&codes[2 * i], &x[i]);
}

void CheckIndexKey(std::size_t dim, std::size_t bytes) {
  HADAL_CHECK(dim % kFp4Block == 0 && bytes == IndexKeyBytes(dim));
}

// The whole of an operation, for either kind of blocks. Vector blocks multiply by the scale's
// inverse, which is the division only for powers of two.
template <class Blocks>
void RoundAllFp8(std::span<float> x, std::size_t block, ScaleRule rule = ScaleRule::kPowerOfTwo) {
  HADAL_CHECK(block == 64 || block == 128);
  for (std::size_t begin = 0; begin < x.size(); begin += block) {
    const std::span<float> part = x.subspan(begin, std::min(block, x.size() - begin));
    const float scale = Fp8Scale(Blocks::Amax(part), rule);
    if (std::isinf(scale))
      FillNan(part);
    else
      Blocks::RoundFp8(part, scale);
  }
}

template <class Blocks>
void RoundAllFp4(std::span<float> x) {
  HADAL_CHECK(x.size() % kFp4Block == 0);
  for (std::size_t begin = 0; begin < x.size(); begin += kFp4Block) {
    const std::span<float> part = x.subspan(begin, kFp4Block);
    const float scale = Fp4Scale(Blocks::Amax(part));
    if (std::isinf(scale))
      FillNan(part);
    else
      Blocks::RoundFp4(part, scale);
  }
}

// The scale's byte; codes of a block without one are zeros.
template <class Blocks>
std::byte EncodeFp8Block(std::span<const float> x, std::span<std::byte> codes) {
  const float scale = Fp8Scale(Blocks::Amax(x));
  if (std::isinf(scale)) {
    std::ranges::fill(codes, std::byte{0});
    return kNanScale;
  }
  Blocks::EncodeFp8(x, scale, codes);
  return ScaleByte(scale);
}

template <class Blocks>
std::byte EncodeFp4Block(std::span<const float> x, std::span<std::byte> codes) {
  const float scale = Fp4Scale(Blocks::Amax(x));
  if (std::isinf(scale)) {
    std::ranges::fill(codes, std::byte{0});
    return kNanScale;
  }
  Blocks::EncodeFp4(x, scale, codes);
  return ScaleByte(scale);
}

template <class Blocks>
void EncodeKv(KvEntryShape shape, std::span<const float> kv, std::span<std::byte> entry) {
  const KvFields<std::byte> to(shape, entry, kv.size());
  for (std::size_t b = 0; b < to.scales.size(); ++b)
    to.scales[b] = EncodeFp8Block<Blocks>(kv.subspan(b * kKvBlock, kKvBlock),
                                          to.codes.subspan(b * kKvBlock, kKvBlock));
  for (std::size_t i = 0; i < shape.rope_dim; ++i) {
    const std::uint16_t code = F32ToBf16(kv[shape.nope() + i]);
    std::memcpy(&to.rope[2 * i], &code, sizeof(code));
  }
  std::ranges::fill(to.padding, std::byte{0});
}

template <class Blocks>
void DecodeKv(KvEntryShape shape, std::span<const std::byte> entry, std::span<float> kv) {
  const KvFields<const std::byte> from(shape, entry, kv.size());
  for (std::size_t b = 0; b < from.scales.size(); ++b)
    Blocks::DecodeFp8(from.codes.subspan(b * kKvBlock, kKvBlock), ScaleValue(from.scales[b]),
                      kv.subspan(b * kKvBlock, kKvBlock));
  DecodeBf16(from.rope, kv.subspan(shape.nope()));
}

template <class Blocks>
void EncodeKey(std::span<const float> key, std::span<std::byte> entry) {
  CheckIndexKey(key.size(), entry.size());
  const std::span<std::byte> scales = entry.subspan(key.size() / 2);
  for (std::size_t b = 0; b < scales.size(); ++b)
    scales[b] = EncodeFp4Block<Blocks>(key.subspan(b * kFp4Block, kFp4Block),
                                       entry.subspan(b * kFp4Block / 2, kFp4Block / 2));
}

template <class Blocks>
void DecodeKey(std::span<const std::byte> entry, std::span<float> key) {
  CheckIndexKey(key.size(), entry.size());
  const std::span<const std::byte> scales = entry.subspan(key.size() / 2);
  for (std::size_t b = 0; b < scales.size(); ++b)
    Blocks::DecodeFp4(entry.subspan(b * kFp4Block / 2, kFp4Block / 2), ScaleValue(scales[b]),
                      key.subspan(b * kFp4Block, kFp4Block));
}

bool IsPlain() { return ActiveIsa() == Isa::kRef; }

}  // namespace

namespace ref {

void RoundFp8(std::span<float> x, std::size_t block) { RoundAllFp8<PlainBlocks>(x, block); }
void RoundFp4(std::span<float> x) { RoundAllFp4<PlainBlocks>(x); }
void RoundBf16(std::span<float> x) {
  for (float& v : x) v = RoundToBf16(v);
}
void EncodeKvEntry(KvEntryShape shape, std::span<const float> kv, std::span<std::byte> entry) {
  EncodeKv<PlainBlocks>(shape, kv, entry);
}
void DecodeKvEntry(KvEntryShape shape, std::span<const std::byte> entry, std::span<float> kv) {
  DecodeKv<PlainBlocks>(shape, entry, kv);
}
void EncodeIndexKey(std::span<const float> key, std::span<std::byte> entry) {
  EncodeKey<PlainBlocks>(key, entry);
}
void DecodeIndexKey(std::span<const std::byte> entry, std::span<float> key) {
  DecodeKey<PlainBlocks>(entry, key);
}

}  // namespace ref

void RoundFp8(std::span<float> x, std::size_t block) {
  if (IsPlain()) return ref::RoundFp8(x, block);
  RoundAllFp8<VectorBlocks>(x, block);
}

void RoundFp8(ScaleRule rule, std::span<float> x, std::size_t block) {
  if (rule == ScaleRule::kPowerOfTwo) return RoundFp8(x, block);
  RoundAllFp8<PlainBlocks>(x, block, rule);
}

void RoundFp4(std::span<float> x) {
  if (IsPlain()) return ref::RoundFp4(x);
  RoundAllFp4<VectorBlocks>(x);
}

void RoundBf16(std::span<float> x) {
  if (IsPlain()) return ref::RoundBf16(x);
  HADAL_ACTIVE(RoundBf16)(x.data(), x.size());
}

void RoundFp8(View2<float> x, std::size_t block, Threads& threads) {
  ShareRows(x.rows(), x.cols(), kExponents, threads, [&](std::size_t t) { RoundFp8(x[t], block); });
}

void RoundFp8(ScaleRule rule, View2<float> x, std::size_t block, Threads& threads) {
  ShareRows(x.rows(), x.cols(), kExponents, threads,
            [&](std::size_t t) { RoundFp8(rule, x[t], block); });
}

void RoundFp4(View2<float> x, Threads& threads) {
  ShareRows(x.rows(), x.cols(), kExponents, threads, [&](std::size_t t) { RoundFp4(x[t]); });
}

void RoundBf16(View2<float> x, Threads& threads) {
  ShareRows(x.rows(), x.cols(), kNorming, threads, [&](std::size_t t) { RoundBf16(x[t]); });
}

float EncodeFp8Block(ScaleRule rule, std::span<const float> x, std::span<std::byte> codes) {
  HADAL_CHECK(codes.size() == x.size());
  const bool plain = IsPlain() || x.size() % kLanes != 0;
  const float scale = Fp8Scale(plain ? PlainBlocks::Amax(x) : VectorBlocks::Amax(x), rule);
  if (std::isinf(scale)) {
    std::ranges::fill(codes, std::byte{0});
    return std::numeric_limits<float>::quiet_NaN();
  }
  if (plain || rule == ScaleRule::kExact)
    PlainBlocks::EncodeFp8(x, scale, codes);
  else
    VectorBlocks::EncodeFp8(x, scale, codes);
  return scale;
}

void DecodeFp8Block(std::span<const std::byte> codes, float scale, std::span<float> x) {
  HADAL_CHECK(codes.size() == x.size());
  if (IsPlain() || x.size() % kLanes != 0) return PlainBlocks::DecodeFp8(codes, scale, x);
  VectorBlocks::DecodeFp8(codes, scale, x);
}

void EncodeKvEntry(KvEntryShape shape, std::span<const float> kv, std::span<std::byte> entry) {
  if (IsPlain()) return ref::EncodeKvEntry(shape, kv, entry);
  EncodeKv<VectorBlocks>(shape, kv, entry);
}

void DecodeKvEntry(KvEntryShape shape, std::span<const std::byte> entry, std::span<float> kv) {
  if (IsPlain()) return ref::DecodeKvEntry(shape, entry, kv);
  DecodeKv<VectorBlocks>(shape, entry, kv);
}

void EncodeIndexKey(std::span<const float> key, std::span<std::byte> entry) {
  if (IsPlain()) return ref::EncodeIndexKey(key, entry);
  EncodeKey<VectorBlocks>(key, entry);
}

void DecodeIndexKey(std::span<const std::byte> entry, std::span<float> key) {
  if (IsPlain()) return ref::DecodeIndexKey(entry, key);
  DecodeKey<VectorBlocks>(entry, key);
}

}  // namespace hadal::kernels
