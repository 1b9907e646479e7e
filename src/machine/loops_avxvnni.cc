#include <immintrin.h>

#include "machine/loops.h"

namespace hadal::machine::avxvnni {
namespace {

template <class Dot>
std::int32_t RunChains(std::uint64_t rounds, std::int32_t x, Dot dot) {
  __m256i all = _mm256_setzero_si256();
  for (std::size_t half = 0; half < 2; ++half) {  // all sixteen do not fit beside the factor
    __m256i s[kChains / 2];
    for (auto& v : s) {
      v = _mm256_set1_epi32(x);
      asm volatile("" : "+x"(v));  // see Opaque in loops_avx2.cc
    }
    for (std::uint64_t r = 0; r < rounds; ++r)
      for (auto& v : s) v = dot(v);
    for (const __m256i& v : s) all = _mm256_add_epi32(all, v);
  }
  return _mm256_cvtsi256_si32(all);
}

}  // namespace

std::int32_t DotInt16(std::uint64_t rounds, std::int32_t x) {
  const __m256i a = _mm256_set1_epi16(static_cast<short>(x));
  return RunChains(rounds, x, [&](__m256i v) { return _mm256_dpwssd_avx_epi32(v, a, a); });
}

std::int32_t DotInt8(std::uint64_t rounds, std::int32_t x) {
  const __m256i a = _mm256_set1_epi8(static_cast<char>(x));
  return RunChains(rounds, x, [&](__m256i v) { return _mm256_dpbusd_avx_epi32(v, a, a); });
}

}  // namespace hadal::machine::avxvnni
