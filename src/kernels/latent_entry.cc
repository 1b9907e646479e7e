#include "kernels/latent_entry.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "tensor/codec.h"

namespace hadal::kernels {
namespace {

constexpr std::size_t kBlock = 128;

std::size_t Blocks(std::size_t channels) { return (channels + kBlock - 1) / kBlock; }

// Codes of x to the front of `to`, scales behind them.
void EncodeBlocks(ScaleRule rule, std::span<const float> x, std::byte* to) {
  std::byte* scales = to + x.size();
  for (std::size_t begin = 0; begin < x.size(); begin += kBlock, scales += sizeof(float)) {
    const std::size_t count = std::min(kBlock, x.size() - begin);
    const float scale = EncodeFp8Block(rule, x.subspan(begin, count), {to + begin, count});
    std::memcpy(scales, &scale, sizeof(scale));
  }
}

void DecodeBlocks(const std::byte* from, std::span<float> x) {
  const std::byte* scales = from + x.size();
  for (std::size_t begin = 0; begin < x.size(); begin += kBlock, scales += sizeof(float)) {
    const std::size_t count = std::min(kBlock, x.size() - begin);
    float scale;
    std::memcpy(&scale, scales, sizeof(scale));
    DecodeFp8Block({from + begin, count}, scale, x.subspan(begin, count));
  }
}

}  // namespace

std::size_t LatentEntryBytes(const KvEntryShape& shape) {
  return Fp8KeyBytes(shape.nope()) + 2 * shape.rope_dim;
}

void EncodeLatentEntry(const KvEntryShape& shape, ScaleRule rule, std::span<const float> kv,
                       std::span<std::byte> entry) {
  HADAL_CHECK(kv.size() == shape.head_dim && entry.size() == LatentEntryBytes(shape));
  EncodeBlocks(rule, kv.first(shape.nope()), entry.data());
  std::byte* rope = entry.data() + Fp8KeyBytes(shape.nope());
  for (std::size_t i = 0; i < shape.rope_dim; ++i) {
    const std::uint16_t code = F32ToBf16(kv[shape.nope() + i]);
    std::memcpy(rope + 2 * i, &code, sizeof(code));
  }
}

void DecodeLatentEntry(const KvEntryShape& shape, std::span<const std::byte> entry,
                       std::span<float> kv) {
  HADAL_CHECK(kv.size() == shape.head_dim && entry.size() == LatentEntryBytes(shape));
  DecodeBlocks(entry.data(), kv.first(shape.nope()));
  const std::byte* rope = entry.data() + Fp8KeyBytes(shape.nope());
  for (std::size_t i = 0; i < shape.rope_dim; ++i) {
    std::uint16_t code;
    std::memcpy(&code, rope + 2 * i, sizeof(code));
    kv[shape.nope() + i] = Bf16ToF32(code);
  }
}

void RoundLatentEntry(const KvEntryShape& shape, ScaleRule rule, std::span<float> kv) {
  HADAL_CHECK(kv.size() == shape.head_dim);
  RoundFp8(rule, kv.first(shape.nope()), kBlock);
  RoundBf16(kv.subspan(shape.nope()));
}

std::size_t Fp8KeyBytes(std::size_t dim) { return dim + sizeof(float) * Blocks(dim); }

void EncodeFp8Key(ScaleRule rule, std::span<const float> key, std::span<std::byte> entry) {
  HADAL_CHECK(entry.size() == Fp8KeyBytes(key.size()));
  EncodeBlocks(rule, key, entry.data());
}

void DecodeFp8Key(std::span<const std::byte> entry, std::span<float> key) {
  HADAL_CHECK(entry.size() == Fp8KeyBytes(key.size()));
  DecodeBlocks(entry.data(), key);
}

namespace ref {

void EncodeFp8Key(ScaleRule rule, std::span<const float> key, std::span<std::byte> entry) {
  for (std::size_t i = 0; i < key.size(); ++i) {
    const std::size_t begin = i / kBlock * kBlock, end = std::min(begin + kBlock, key.size());
    float amax = 0;
    for (std::size_t j = begin; j < end; ++j) amax = std::max(amax, std::fabs(key[j]));
    const float scale = Fp8Scale(amax, rule);
    entry[i] = std::byte{F32ToE4m3(key[i] / scale)};
    std::memcpy(&entry[key.size() + i / kBlock * sizeof(scale)], &scale, sizeof(scale));
  }
}

void EncodeLatentEntry(const KvEntryShape& shape, ScaleRule rule, std::span<const float> kv,
                       std::span<std::byte> entry) {
  EncodeFp8Key(rule, kv.first(shape.nope()), entry);
  for (std::size_t i = 0; i < shape.rope_dim; ++i) {
    const std::uint16_t code = F32ToBf16(kv[shape.nope() + i]);
    std::memcpy(&entry[Fp8KeyBytes(shape.nope()) + 2 * i], &code, sizeof(code));
  }
}

}  // namespace ref
}  // namespace hadal::kernels
