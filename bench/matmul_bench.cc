// Speed of MatMul: formats x tokens x instruction sets x threads, weights colder than the caches.
//
//   build/.../bench/matmul_bench [--benchmark_filter='Fp8.*tokens:1/']
//
// "Int" cases have the inputs as integers, which the engine's default numerics give FP8 and FP4
// weights. FP8 weights are normally distributed with a block's largest value at 448, as in a
// checkpoint. Every case is first checked against the reference. Per case: "weights" is weight
// bytes read per second, "flops" floating-point operations per second. One thread is timed by its
// processor time, which a busy machine disturbs less; more threads by the clock. "Read" and "Fma"
// measure what the machine itself can do: the share of them is what matters.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/threads.h"
#include "kernels/isa.h"
#include "kernels/matmul.h"
#include "kernels/quantized_matmul.h"
#include "tensor/buffer.h"
#include "tensor/codec.h"

namespace hadal::kernels {
namespace {

struct Shape {
  std::size_t rows, cols;
};

constexpr std::size_t kColdBytes = 192u << 20;  // above any last-level cache here

// As many weights of one shape, behind each other, as are colder than the caches.
class ColdWeights {
 public:
  ColdWeights(StoredFormat format, Shape shape)
      : one_{format, shape.rows, shape.cols, nullptr, nullptr} {
    const std::size_t bytes = one_.code_bytes() + one_.scale_bytes();
    copies_ = std::max<std::size_t>(2, kColdBytes / bytes);
    memory_ = Buffer<std::byte>(copies_ * bytes);
    Random random(1);
    for (std::uint8_t& code : normal_codes_)
      code = F32ToE4m3(static_cast<float>(std::clamp(70 * random.Normal(), -448.0, 448.0)));
    for (std::size_t i = 0; i < memory_.size(); ++i) memory_[i] = RandomByte(random, i);
    for (std::size_t c = 0; c < copies_; ++c)
      for (std::size_t i = 0; i < one_.scale_bytes(); ++i)
        memory_[c * bytes + one_.code_bytes() + i] = std::byte{120};
  }

  Weight Next() {
    Weight w = one_;
    w.codes = memory_.data() + next_ * bytes();
    w.scales = one_.scale_bytes() == 0 ? nullptr : w.codes + one_.code_bytes();
    next_ = (next_ + 1) % copies_;
    return w;
  }
  std::size_t bytes() const { return one_.code_bytes() + one_.scale_bytes(); }

 private:
  // Finite, moderate values in every format.
  std::byte RandomByte(Random& random, std::size_t i) const {
    const auto b = static_cast<std::uint8_t>(random.Below(256));
    switch (one_.format) {
      case StoredFormat::kF32:
        return static_cast<std::byte>(i % 4 == 3 ? 0x3D | (b & 0x80) : b);
      case StoredFormat::kBf16:
        return static_cast<std::byte>(i % 2 == 1 ? 0x3D | (b & 0x80) : b);
      case StoredFormat::kFp8Block128:
        return static_cast<std::byte>(normal_codes_[random.Below(normal_codes_.size())]);
      case StoredFormat::kFp4Block32:
        return static_cast<std::byte>(b);
      case StoredFormat::kFp8Block128F32:
      case StoredFormat::kI64:
        break;
    }
    return {};
  }

  Weight one_;
  std::array<std::uint8_t, 4096> normal_codes_;
  Buffer<std::byte> memory_;
  std::size_t copies_ = 0, next_ = 0;
};

Buffer<float> Inputs(std::size_t tokens, std::size_t cols) {
  Buffer<float> x(tokens * cols);
  Random random(2);
  for (float& v : x.span()) v = static_cast<float>(random.Normal());
  return x;
}

// The first rows of the first token against the reference.
bool Right(View2<const float> x, const Weight& w, View2<const float> y) {
  std::vector<float> want(std::min<std::size_t>(w.rows, 128));
  ref::MatMul(x.Rows(0, 1), w.Rows(0, want.size()), {want.data(), 1, want.size()});
  double error = 0, norm = 0;
  for (std::size_t n = 0; n < want.size(); ++n) {
    error += std::pow(double{y[0][n]} - double{want[n]}, 2);
    norm += std::pow(double{want[n]}, 2);
  }
  return error <= 1e-10 * norm;
}

void SetRates(benchmark::State& state, double bytes, double flops) {
  using benchmark::Counter;
  state.counters["weights"] = Counter(bytes, Counter::kIsIterationInvariantRate, Counter::kIs1000);
  state.counters["flops"] = Counter(flops, Counter::kIsIterationInvariantRate, Counter::kIs1000);
}

void MatMulCase(benchmark::State& state, StoredFormat format, Shape shape, std::size_t tokens,
                std::size_t threads, Isa isa) {
  SetActiveIsa(isa);
  Threads pool(threads);
  ColdWeights weights(format, shape);
  const Buffer<float> x = Inputs(tokens, shape.cols), y(tokens * shape.rows);
  const View2<const float> x_view = x.As(tokens, shape.cols);
  const View2<float> y_view = y.As(tokens, shape.rows);
  const Weight first = weights.Next();
  MatMul(x_view, first, y_view, pool);
  if (!Right(x_view, first, y_view)) return state.SkipWithError("differs from the reference");
  for (auto _ : state) {
    MatMul(x_view, weights.Next(), y_view, pool);
    benchmark::ClobberMemory();
  }
  SetRates(state, static_cast<double>(weights.bytes()),
           2 * static_cast<double>(tokens * shape.rows * shape.cols));
}

void IntegerCase(benchmark::State& state, StoredFormat format, Shape shape, std::size_t tokens,
                 std::size_t threads, Isa isa) {
  Threads pool(threads);
  ColdWeights weights(format, shape);
  const RowFormat rows = RowFormatFor(format);
  const std::size_t bytes = QuantizedRowBytes(rows, shape.cols);
  const Buffer<float> x = Inputs(tokens, shape.cols), y(tokens * shape.rows);
  const Buffer<float> q(tokens * bytes / sizeof(float));
  auto* data = reinterpret_cast<std::byte*>(q.data());
  for (std::size_t t = 0; t < tokens; ++t)
    QuantizeRow(rows, x.As(tokens, shape.cols)[t], data + t * bytes);
  const auto multiply = [&](const Weight& w, std::size_t count) {
    const QuantizedMatMulJob job{{rows, shape.cols, data, bytes, {}}, w, y.As(count, shape.rows)};
    MatMul(std::span(&job, 1), pool);
  };
  const Weight first = weights.Next();
  SetActiveIsa(Isa::kRef);
  multiply(first, 1);
  const std::vector<float> want(y.span().begin(),
                                y.span().begin() + static_cast<std::ptrdiff_t>(shape.rows));
  SetActiveIsa(isa);
  multiply(first, tokens);
  if (!std::equal(want.begin(), want.end(), y.span().begin()))
    return state.SkipWithError("differs from the reference");
  for (auto _ : state) {
    multiply(weights.Next(), tokens);
    benchmark::ClobberMemory();
  }
  SetRates(state, static_cast<double>(weights.bytes()),
           2 * static_cast<double>(tokens * shape.rows * shape.cols));
}

// What the memory gives: a sum over cold memory, every thread its part.
void Read(benchmark::State& state) {
  const auto threads = static_cast<std::size_t>(state.range(0));
  Threads pool(threads);
  Buffer<std::uint64_t> memory(kColdBytes / 8);
  std::iota(memory.span().begin(), memory.span().end(), std::uint64_t{0});
  std::vector<std::uint64_t> sums(threads * 8);
  for (auto _ : state) {
    pool.Run(threads, [&](std::size_t w) {
      const std::size_t part = memory.size() / threads;
      std::uint64_t sum[8] = {};
      for (std::size_t i = w * part; i + 8 <= (w + 1) * part; i += 8)
        for (std::size_t j = 0; j < 8; ++j) sum[j] += memory[i + j];
      for (std::size_t j = 1; j < 8; ++j) sum[0] += sum[j];
      sums[w * 8] = sum[0];
    });
    benchmark::DoNotOptimize(sums.data());
  }
  SetRates(state, static_cast<double>(kColdBytes), 0);
}
BENCHMARK(Read)->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);

// What the arithmetic gives: tokens and weights that fit the first-level cache.
void Fma(benchmark::State& state, Isa isa) {
  SetActiveIsa(isa);
  Threads pool(1);
  const Buffer<float> x = Inputs(16, 512), w = Inputs(16, 512), y(16 * 16);
  const Weight weight{StoredFormat::kF32, 16, 512, reinterpret_cast<const std::byte*>(w.data()),
                      nullptr};
  for (auto _ : state) MatMul(x.As(16, 512), weight, y.As(16, 16), pool);
  SetRates(state, 0, 2.0 * 16 * 16 * 512);
}

void RegisterAll() {
  const std::pair<const char*, StoredFormat> formats[] = {{"F32", StoredFormat::kF32},
                                                          {"Bf16", StoredFormat::kBf16},
                                                          {"Fp8", StoredFormat::kFp8Block128},
                                                          {"Fp4", StoredFormat::kFp4Block32}};
  constexpr Shape kShape{2048, 4096};
  for (Isa isa : RunnableIsas()) {
    if (isa == Isa::kRef) continue;
    const std::string isa_name(IsaName(isa));
    benchmark::RegisterBenchmark(("Fma/" + isa_name).c_str(), Fma, isa);
    for (const auto& [name, format] : formats)
      for (std::size_t tokens : {1u, 2u, 4u, 8u, 32u, 512u})
        for (std::size_t threads : {1u, 2u}) {
          if (threads > Threads::HardwareCount()) continue;
          const std::string title = std::string(name) + "/tokens:" + std::to_string(tokens) +
                                    "/threads:" + std::to_string(threads) + "/" + isa_name;
          auto* one = benchmark::RegisterBenchmark(title.c_str(), MatMulCase, format, kShape,
                                                   tokens, threads, isa);
          one->Unit(benchmark::kMillisecond);
          if (threads > 1) one->UseRealTime();
          if (!IsQuantized(format)) continue;
          auto* integers = benchmark::RegisterBenchmark(("Int" + title).c_str(), IntegerCase,
                                                        format, kShape, tokens, threads, isa);
          integers->Unit(benchmark::kMillisecond);
          if (threads > 1) integers->UseRealTime();
        }
  }
}

const bool kRegistered = (RegisterAll(), true);

}  // namespace
}  // namespace hadal::kernels
