#include "train/quantize_ste.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.h"
#include "tensor/codec.h"
#include "train/parallel.h"
#include "train/plain.h"
#include "train/simd.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

template <class T>
HADAL_INLINE float LargestMagnitude(const T* x, std::int64_t count) {
  float largest = 0;
#pragma omp simd reduction(max : largest)
  for (std::int64_t i = 0; i < count; ++i)
    largest = Max(largest, std::fabs(static_cast<float>(x[i])));
  return largest;
}

// Scales are powers of two, so dividing by one is exact and the same as multiplying by 1 / scale.
template <float (*kRound)(float), class T>
HADAL_INLINE void RoundScaled(const T* x, std::int64_t count, float scale, T* y) {
  const float inverse = 1 / scale;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i)
    y[i] = static_cast<T>(kRound(static_cast<float>(x[i]) * inverse) * scale);
}

template <class T>
HADAL_INLINE void Bf16Range(const T* x, std::int64_t count, T* y) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i)
    y[i] = static_cast<T>(RoundToBf16(static_cast<float>(x[i])));
}

template <class T>
HADAL_TARGET_CLONES void Bf16Row(const T* x, std::int64_t width, T* y) {
  Bf16Range(x, width, y);
}

// One block of a matrix whose rows are `step` apart.
template <class T>
HADAL_TARGET_CLONES void Fp8Block(const T* x, std::int64_t rows, std::int64_t cols,
                                  std::int64_t step, T* y) {
  float largest = 0;
  for (std::int64_t r = 0; r < rows; ++r)
    largest = Max(largest, LargestMagnitude(x + r * step, cols));
  const float scale = Fp8Scale(largest);
  for (std::int64_t r = 0; r < rows; ++r)
    RoundScaled<RoundToE4m3>(x + r * step, cols, scale, y + r * step);
}

template <class T>
void Fp8Block128(const T* x, std::int64_t rows, std::int64_t cols, T* y) {
  constexpr std::int64_t kBlock = 128;
  const std::int64_t bands = (rows + kBlock - 1) / kBlock;
  ParallelRows(bands, kBlock * cols, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin * kBlock; row < std::min(end * kBlock, rows); row += kBlock)
      for (std::int64_t col = 0; col < cols; col += kBlock)
        Fp8Block(x + row * cols + col, std::min(kBlock, rows - row), std::min(kBlock, cols - col),
                 cols, y + row * cols + col);
  });
}

template <class T>
HADAL_TARGET_CLONES void Fp4Row(const T* x, std::int64_t width, T* y) {
  constexpr std::int64_t kGroup = 32;
  for (std::int64_t i = 0; i < width; i += kGroup) {
    const std::int64_t count = std::min(kGroup, width - i);
    RoundScaled<RoundToE2m1>(x + i, count, Fp4Scale(LargestMagnitude(x + i, count)), y + i);
  }
}

template <class T>
HADAL_TARGET_CLONES void KvRow(const T* x, std::int64_t nope_dim, std::int64_t width, T* y) {
  constexpr std::int64_t kGroup = 64;
  for (std::int64_t i = 0; i < nope_dim; i += kGroup) {
    const std::int64_t count = std::min(kGroup, nope_dim - i);
    RoundScaled<RoundToE4m3>(x + i, count, Fp8Scale(LargestMagnitude(x + i, count)), y + i);
  }
  Bf16Range(x + nope_dim, width - nope_dim, y + nope_dim);
}

// f(x, y, width) on every row.
template <class T, class F>
void EachRow(const Tensor& x, Tensor& y, F&& f) {
  const std::int64_t width = x.size(-1);
  const T* in = x.data_ptr<T>();
  T* out = y.data_ptr<T>();
  ParallelRows(x.numel() / width, width, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) f(in + row * width, out + row * width, width);
  });
}

enum class Kind { kBf16, kFp8, kFp4, kKv };

template <class T>
void Round(Kind kind, std::int64_t nope_dim, const Tensor& x, Tensor& y) {
  switch (kind) {
    case Kind::kBf16:
      return EachRow<T>(x, y, [](const T* a, T* b, std::int64_t n) { Bf16Row(a, n, b); });
    case Kind::kFp8:
      return Fp8Block128(x.data_ptr<T>(), x.size(0), x.size(1), y.data_ptr<T>());
    case Kind::kFp4:
      return EachRow<T>(x, y, [](const T* a, T* b, std::int64_t n) { Fp4Row(a, n, b); });
    case Kind::kKv:
      return EachRow<T>(x, y, [&](const T* a, T* b, std::int64_t n) { KvRow(a, nope_dim, n, b); });
  }
}

// A format of few bits, and the scale of a block of its numbers, by exact operations on floats.
struct SmallFormat {
  float smallest_normal, max, amax_floor;
  int mantissa;  // stored bits

  Tensor ScaleOf(const Tensor& amax) const {  // the power of two at or above
    const Tensor bits = (amax.clamp_min(amax_floor) * (1 / max)).view(torch::kInt) + 0x7FFFFF;
    return bits.bitwise_and(0x7F800000).view(torch::kFloat);
  }
  Tensor Round(const Tensor& x) const {  // ties to even
    const Tensor magnitude = x.abs().view(torch::kInt).bitwise_and(0x7F800000).view(torch::kFloat);
    const Tensor step = magnitude.clamp_min(smallest_normal) * std::ldexp(1.0F, -mantissa);
    return ((x / step).round() * step).clamp(-max, max);
  }
};
constexpr SmallFormat kE4m3{0x1p-6F, kE4m3Max, kFp8AmaxFloor, 3},
    kE2m1{1, kE2m1Max, kFp4AmaxFloor, 1};

// x [rows, cols], float32, in blocks of that many, each with a scale of its own.
Tensor PlainBlocks(const Tensor& x, std::int64_t rows, std::int64_t cols,
                   const SmallFormat& format) {
  const auto missing = [](std::int64_t size, std::int64_t block) {
    return (block - size % block) % block;
  };
  const Tensor padded =
      torch::constant_pad_nd(x, {0, missing(x.size(1), cols), 0, missing(x.size(0), rows)})
          .contiguous();
  const Tensor blocks = padded.view({padded.size(0) / rows, rows, padded.size(1) / cols, cols});
  const Tensor scale = format.ScaleOf(blocks.abs().amax({1, 3}, true));
  const Tensor rounded = (format.Round(blocks / scale) * scale).view(padded.sizes());
  return rounded.slice(0, 0, x.size(0)).slice(1, 0, x.size(1));
}

// x [rows, cols], float32
Tensor PlainRound(Kind kind, std::int64_t nope_dim, const Tensor& x) {
  switch (kind) {
    case Kind::kBf16:
      return x.to(torch::kBFloat16).to(torch::kFloat);
    case Kind::kFp8:
      return PlainBlocks(x, 128, 128, kE4m3);
    case Kind::kFp4:
      return PlainBlocks(x, 1, 32, kE2m1);
    case Kind::kKv:
      return torch::cat({PlainBlocks(x.slice(1, 0, nope_dim), 1, 64, kE4m3),
                         PlainRound(Kind::kBf16, 0, x.slice(1, nope_dim))},
                        1);
  }
  HADAL_CHECK(false);
}

struct RoundFunction : torch::autograd::Function<RoundFunction> {
  static Tensor forward(AutogradContext*, const Tensor& x_in, Kind kind, std::int64_t nope_dim) {
    if (!HasKernels(x_in))
      return PlainRound(kind, nope_dim, x_in.reshape({-1, x_in.size(-1)}).to(torch::kFloat))
          .reshape(x_in.sizes())
          .to(x_in.scalar_type());
    const Tensor x = x_in.contiguous();
    Tensor y = torch::empty_like(x);
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "Stored",
                               [&] { Round<scalar_t>(kind, nope_dim, x, y); });
    return y;
  }
  static variable_list backward(AutogradContext*, const variable_list& d) {
    return {d[0], Tensor(), Tensor()};
  }
};

// The product with the matrix, by sums and differences of halves.
Tensor PlainTransform(const Tensor& x) {
  const std::int64_t width = x.size(-1);
  Tensor y = x.reshape({-1, width});
  for (std::int64_t half = 1; half < width; half *= 2) {
    const Tensor pairs = y.view({-1, width / (2 * half), 2, half});
    const Tensor a = pairs.select(2, 0), b = pairs.select(2, 1);
    y = torch::stack({a + b, a - b}, 2).view({-1, width});
  }
  return (y / std::sqrt(static_cast<double>(width))).view(x.sizes());
}

Tensor Transform(const Tensor& x) {
  if (!HasKernels(x)) return PlainTransform(x);
  Tensor y = x.contiguous().clone();
  const auto norm = 1 / std::sqrt(static_cast<double>(y.size(-1)));
  AT_DISPATCH_FLOATING_TYPES(y.scalar_type(), "Hadamard", [&] {
    EachRow<scalar_t>(y, y, [&](const scalar_t*, scalar_t* row, std::int64_t width) {
      for (std::int64_t half = 1; half < width; half *= 2)
        for (std::int64_t at = 0; at < width; at += 2 * half)
          for (std::int64_t i = at; i < at + half; ++i) {
            const scalar_t a = row[i], b = row[i + half];
            row[i] = a + b;
            row[i + half] = a - b;
          }
      for (std::int64_t i = 0; i < width; ++i) row[i] *= static_cast<scalar_t>(norm);
    });
  });
  return y;
}

struct HadamardFunction : torch::autograd::Function<HadamardFunction> {
  static Tensor forward(AutogradContext*, const Tensor& x) { return Transform(x); }
  static variable_list backward(AutogradContext*, const variable_list& d) {
    return {Transform(d[0])};
  }
};

}  // namespace

Tensor StoredBf16(const Tensor& x) { return RoundFunction::apply(x, Kind::kBf16, 0); }

Tensor StoredFp8(const Tensor& weight) {
  HADAL_CHECK(weight.dim() == 2);
  return RoundFunction::apply(weight, Kind::kFp8, 0);
}

Tensor StoredFp4(const Tensor& x) { return RoundFunction::apply(x, Kind::kFp4, 0); }

Tensor StoredKv(const Tensor& x, std::int64_t nope_dim) {
  return RoundFunction::apply(x, Kind::kKv, nope_dim);
}

Tensor Hadamard(const Tensor& x) {
  HADAL_CHECK(std::has_single_bit(static_cast<std::uint64_t>(x.size(-1))));
  return HadamardFunction::apply(x);
}

}  // namespace hadal::train
