// Where there is no vector code for the processor: the functions of simd.h, never called.
#include <cstdlib>

#include "kernels/simd.h"

namespace hadal::kernels {

std::vector<Isa> DetectSimd() { return {}; }

namespace avx2 {
void MatMulF32(const MatMulUnit&) { std::abort(); }
void MatMulBf16(const MatMulUnit&) { std::abort(); }
void MatMulFp8Block128(const MatMulUnit&) { std::abort(); }
void MatMulFp4E8m0x32(const MatMulUnit&) { std::abort(); }
void QuantizeInt8(const float*, std::size_t, std::uint8_t*) { std::abort(); }
void QuantizeInt16(const float*, std::size_t, std::uint8_t*) { std::abort(); }
void MatMulInt8Fp4(const QuantizedUnit&) { std::abort(); }
void MatMulInt16Fp8(const QuantizedUnit&) { std::abort(); }
float SquareSum(const float*, std::size_t) { std::abort(); }
float SquareSumBf16(const float*, std::size_t) { std::abort(); }
void ScaleRow(const float*, float, const float*, float*, std::size_t) { std::abort(); }
void ScaleRowBf16(float*, float, std::size_t) { std::abort(); }
void AttendTile(const AttendTileArgs&) { std::abort(); }
void IndexScores(const IndexScoreArgs&) { std::abort(); }
void PackedIndexScores(const PackedIndexScoreArgs&) { std::abort(); }
void SwiGlu(const float*, const float*, float, float, float*, std::size_t) { std::abort(); }
void PoolSoftmax(const float*, std::size_t, const float*, std::size_t, std::size_t, float*,
                 std::size_t) {
  std::abort();
}
void Hadamard(float*, std::size_t, float) { std::abort(); }
float Amax(const float*, std::size_t) { std::abort(); }
void RoundBf16(float*, std::size_t) { std::abort(); }
void RoundFp8(float*, std::size_t, float) { std::abort(); }
void RoundFp4(float*, std::size_t, float) { std::abort(); }
void EncodeFp8(const float*, std::size_t, float, std::uint8_t*) { std::abort(); }
void DecodeFp8(const std::uint8_t*, std::size_t, float, float*) { std::abort(); }
void EncodeFp4(const float*, std::size_t, float, std::uint8_t*) { std::abort(); }
void DecodeFp4(const std::uint8_t*, std::size_t, float, float*) { std::abort(); }
void HcReduce(const float*, std::size_t, const float*, float*, std::size_t) { std::abort(); }
void HcExpand(const float*, const float*, const float*, float*, std::size_t, std::size_t) {
  std::abort();
}
}  // namespace avx2
namespace avxvnni {
void MatMulInt8Fp4(const QuantizedUnit&) { std::abort(); }
void MatMulInt16Fp8(const QuantizedUnit&) { std::abort(); }
void PackedIndexScores(const PackedIndexScoreArgs&) { std::abort(); }
}  // namespace avxvnni
namespace avx512 {
void MatMulF32(const MatMulUnit&) { std::abort(); }
void MatMulBf16(const MatMulUnit&) { std::abort(); }
void MatMulFp8Block128(const MatMulUnit&) { std::abort(); }
void MatMulFp4E8m0x32(const MatMulUnit&) { std::abort(); }
void QuantizeInt8(const float*, std::size_t, std::uint8_t*) { std::abort(); }
void QuantizeInt16(const float*, std::size_t, std::uint8_t*) { std::abort(); }
void MatMulInt8Fp4(const QuantizedUnit&) { std::abort(); }
void MatMulInt16Fp8(const QuantizedUnit&) { std::abort(); }
float SquareSum(const float*, std::size_t) { std::abort(); }
float SquareSumBf16(const float*, std::size_t) { std::abort(); }
void ScaleRow(const float*, float, const float*, float*, std::size_t) { std::abort(); }
void ScaleRowBf16(float*, float, std::size_t) { std::abort(); }
void AttendTile(const AttendTileArgs&) { std::abort(); }
void IndexScores(const IndexScoreArgs&) { std::abort(); }
void PackedIndexScores(const PackedIndexScoreArgs&) { std::abort(); }
void SwiGlu(const float*, const float*, float, float, float*, std::size_t) { std::abort(); }
void PoolSoftmax(const float*, std::size_t, const float*, std::size_t, std::size_t, float*,
                 std::size_t) {
  std::abort();
}
void Hadamard(float*, std::size_t, float) { std::abort(); }
float Amax(const float*, std::size_t) { std::abort(); }
void RoundBf16(float*, std::size_t) { std::abort(); }
void RoundFp8(float*, std::size_t, float) { std::abort(); }
void RoundFp4(float*, std::size_t, float) { std::abort(); }
void EncodeFp8(const float*, std::size_t, float, std::uint8_t*) { std::abort(); }
void DecodeFp8(const std::uint8_t*, std::size_t, float, float*) { std::abort(); }
void EncodeFp4(const float*, std::size_t, float, std::uint8_t*) { std::abort(); }
void DecodeFp4(const std::uint8_t*, std::size_t, float, float*) { std::abort(); }
void HcReduce(const float*, std::size_t, const float*, float*, std::size_t) { std::abort(); }
void HcExpand(const float*, const float*, const float*, float*, std::size_t, std::size_t) {
  std::abort();
}
}  // namespace avx512
}  // namespace hadal::kernels
