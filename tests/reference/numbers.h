// The numbers of the reference model: float64 everywhere, rows of tokens, and the rounding points
// that tell the three numeric variants apart. Slow and plain on purpose: tests only.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tensor/codec.h"

namespace hadal::reference {

using Row = std::vector<double>;
using Rows = std::vector<Row>;

// A weight as the file means it. quantised: FP8 or FP4 in the file, so that its input is rounded to
// FP8 in the variants that do so.
struct Matrix {
  std::size_t rows = 0, cols = 0;
  std::vector<float> values;
  bool quantised = false;
  const float* row(std::size_t r) const { return values.data() + r * cols; }
};

struct Rounding {
  enum class Act { kNone, kF32, kBf16 };
  Act act = Act::kNone;                       // what an activation is rounded to
  bool fp8_inputs = false;                    // inputs of FP8 and FP4 weights, blocks of 128
  bool fp8_kv = false;                        // NoPE channels of key-value entries, blocks of 64
  bool fp4_indexer = false;                   // indexer queries and keys, blocks of 32
  ScaleRule scales = ScaleRule::kPowerOfTwo;  // of FP8 blocks

  static Rounding F32() { return {}; }
  static Rounding F32q() { return {Act::kF32, true, true, true, ScaleRule::kPowerOfTwo}; }
  static Rounding Bf16() { return {Act::kBf16, true, true, true, ScaleRule::kPowerOfTwo}; }

  double operator()(double x) const;
  Row operator()(Row x) const;
};

Row RoundFp8(Row x, std::size_t begin, std::size_t end, std::size_t block,
             ScaleRule rule = ScaleRule::kPowerOfTwo);
Row RoundFp4(Row x);

// Multiply-adds done so far by matrix products, by attention's two products per entry and by the
// indexer's scores: counted where they are done, to check what is planned from formulas.
std::uint64_t MacsDone();
void CountMacs(std::uint64_t count);

double Dot(const float* w, const double* x, std::size_t count);
// y = W x in float64, unrounded.
Row Product(const Matrix& w, const Row& x);
// A linear layer: its input rounded to FP8 where the variant and the weight ask for it, its output
// rounded once.
Row Linear(const Matrix& w, const Row& x, const Rounding& round);

double MeanOfSquares(const Row& x);
Row RmsNorm(const Row& x, const Row& gain, double eps, const Rounding& round);
// In place over the channels [begin, begin + count): the norm of a query head, without a gain;
// every step is rounded, as the official code does it in bfloat16.
void HeadNorm(double* x, std::size_t count, double eps, const Rounding& round);
// Sylvester order, scaled by size^-1/2, rounded once; size is a power of two.
Row Hadamard(Row x, const Rounding& round);

inline double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
inline double Silu(double x) { return x * Sigmoid(x); }
inline double Softplus(double x) { return x > 30 ? x : std::log1p(std::exp(x)); }

}  // namespace hadal::reference
