#include <immintrin.h>

#include "machine/loops.h"

namespace hadal::machine::avx2 {
namespace {

// Chains begin equal. Behind this the compiler cannot know it and compute only one of them.
template <class Vector>
Vector Opaque(Vector v) {
  asm volatile("" : "+x"(v));
  return v;
}

std::int32_t SumLanes(const __m256i* sums) {
  __m256i all = sums[0];
  for (std::size_t c = 1; c < kChains; ++c) all = _mm256_add_epi32(all, sums[c]);
  alignas(32) std::int32_t lanes[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), all);
  std::int32_t sum = 0;
  for (const std::int32_t lane : lanes) sum ^= lane;
  return sum;
}

}  // namespace

// 12 of the 16 chains would do, and all 16 do not fit beside the two factors; as memory operands
// they still keep both multipliers busy.
float FmaF32(std::uint64_t rounds, float x) {
  __m256 sums[kChains];
  const __m256 a = _mm256_set1_ps(x), b = _mm256_set1_ps(0x1p-20f);
  for (std::size_t half = 0; half < 2; ++half) {
    __m256 s[kChains / 2];
    for (auto& v : s) v = Opaque(a);
    for (std::uint64_t r = 0; r < rounds; ++r)
      for (auto& v : s) v = _mm256_fmadd_ps(a, b, v);
    for (std::size_t c = 0; c < kChains / 2; ++c) sums[half * kChains / 2 + c] = s[c];
  }
  float sum = 0;
  for (const __m256& v : sums) sum += _mm256_cvtss_f32(v);
  return sum;
}

std::int32_t DotInt16(std::uint64_t rounds, std::int32_t x) {
  __m256i sums[kChains];
  const __m256i a = _mm256_set1_epi16(static_cast<short>(x));
  for (std::size_t half = 0; half < 2; ++half) {
    __m256i s[kChains / 2];
    for (auto& v : s) v = Opaque(_mm256_set1_epi32(x));
    for (std::uint64_t r = 0; r < rounds; ++r)
      for (auto& v : s) v = _mm256_add_epi32(v, _mm256_madd_epi16(a, v));  // as below
    for (std::size_t c = 0; c < kChains / 2; ++c) sums[half * kChains / 2 + c] = s[c];
  }
  return SumLanes(sums);
}

std::int32_t DotInt8(std::uint64_t rounds, std::int32_t x) {
  __m256i sums[kChains];
  const __m256i a = _mm256_set1_epi8(static_cast<char>(x)), ones = _mm256_set1_epi16(1);
  for (std::size_t half = 0; half < 2; ++half) {
    __m256i s[kChains / 2];
    for (auto& v : s) v = Opaque(_mm256_set1_epi32(x));
    for (std::uint64_t r = 0; r < rounds; ++r)
      for (auto& v : s) {
        const __m256i pairs =
            _mm256_maddubs_epi16(a, v);  // the sum so far, so that none is hoisted
        v = _mm256_add_epi32(v, _mm256_madd_epi16(pairs, ones));
      }
    for (std::size_t c = 0; c < kChains / 2; ++c) sums[half * kChains / 2 + c] = s[c];
  }
  return SumLanes(sums);
}

std::uint64_t ReadAll(const std::byte* data, std::size_t bytes) {
  __m256i sums[8];
  for (auto& sum : sums) sum = _mm256_setzero_si256();
  for (std::size_t at = 0; at < bytes; at += sizeof(sums))
    for (std::size_t i = 0; i < 8; ++i)
      sums[i] = _mm256_xor_si256(
          sums[i], _mm256_load_si256(reinterpret_cast<const __m256i*>(data + at) + i));
  __m256i all = sums[0];
  for (std::size_t i = 1; i < 8; ++i) all = _mm256_xor_si256(all, sums[i]);
  alignas(32) std::uint64_t lanes[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), all);
  return lanes[0] ^ lanes[1] ^ lanes[2] ^ lanes[3];
}

}  // namespace hadal::machine::avx2
