#include <immintrin.h>

#include "machine/loops.h"

namespace hadal::machine::avx512 {
namespace {

std::int32_t XorLanes(__m512i v) {
  alignas(64) std::int32_t lanes[16];
  _mm512_store_si512(lanes, v);
  std::int32_t sum = 0;
  for (const std::int32_t lane : lanes) sum ^= lane;
  return sum;
}

}  // namespace

float FmaF32(std::uint64_t rounds, float x) {
  __m512 sums[kChains];
  const __m512 a = _mm512_set1_ps(x), b = _mm512_set1_ps(0x1p-20f);
  for (auto& v : sums) v = a;
  for (std::uint64_t r = 0; r < rounds; ++r)
    for (auto& v : sums) v = _mm512_fmadd_ps(a, b, v);
  __m512 all = sums[0];
  for (std::size_t c = 1; c < kChains; ++c) all = _mm512_add_ps(all, sums[c]);
  return _mm512_cvtss_f32(all);
}

__attribute__((target("avx512bf16"))) float DotBf16(std::uint64_t rounds, float x) {
  __m512 sums[kChains];
  const __m512 start = _mm512_set1_ps(x);
  const __m512bh a = _mm512_cvtne2ps_pbh(start, start);
  for (auto& v : sums) v = start;
  for (std::uint64_t r = 0; r < rounds; ++r)
    for (auto& v : sums) v = _mm512_dpbf16_ps(v, a, a);
  __m512 all = sums[0];
  for (std::size_t c = 1; c < kChains; ++c) all = _mm512_add_ps(all, sums[c]);
  return _mm512_cvtss_f32(all);
}

__attribute__((target("avx512vnni"))) std::int32_t DotInt8Vnni(std::uint64_t rounds,
                                                               std::int32_t x) {
  __m512i sums[kChains];
  const __m512i a = _mm512_set1_epi8(static_cast<char>(x));
  for (auto& v : sums) v = _mm512_set1_epi32(x);
  for (std::uint64_t r = 0; r < rounds; ++r)
    for (auto& v : sums) v = _mm512_dpbusd_epi32(v, a, a);
  __m512i all = sums[0];
  for (std::size_t c = 1; c < kChains; ++c) all = _mm512_add_epi32(all, sums[c]);
  return XorLanes(all);
}

__attribute__((target("avx512vnni"))) std::int32_t DotInt16Vnni(std::uint64_t rounds,
                                                                std::int32_t x) {
  __m512i sums[kChains];
  const __m512i a = _mm512_set1_epi16(static_cast<short>(x));
  for (auto& v : sums) v = _mm512_set1_epi32(x);
  for (std::uint64_t r = 0; r < rounds; ++r)
    for (auto& v : sums) v = _mm512_dpwssd_epi32(v, a, a);
  __m512i all = sums[0];
  for (std::size_t c = 1; c < kChains; ++c) all = _mm512_add_epi32(all, sums[c]);
  return XorLanes(all);
}

std::uint64_t ReadAll(const std::byte* data, std::size_t bytes) {
  __m512i sums[8];
  for (auto& sum : sums) sum = _mm512_setzero_si512();
  for (std::size_t at = 0; at < bytes; at += sizeof(sums))
    for (std::size_t i = 0; i < 8; ++i)
      sums[i] = _mm512_xor_si512(sums[i], _mm512_load_si512(data + at + i * 64));
  __m512i all = sums[0];
  for (std::size_t i = 1; i < 8; ++i) all = _mm512_xor_si512(all, sums[i]);
  alignas(64) std::uint64_t lanes[8];
  _mm512_store_si512(lanes, all);
  std::uint64_t sum = 0;
  for (const std::uint64_t lane : lanes) sum ^= lane;
  return sum;
}

}  // namespace hadal::machine::avx512
