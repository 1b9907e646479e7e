// Random numbers whose whole state is (seed, counter): the n-th number is a pure function of both,
// the same on every machine, so a run can be repeated and a stopped one continued.
// Source: SplitMix64 (Steele, Lea, Flood 2014).
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace hadal {

constexpr std::uint64_t MixBits(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// Random bits that belong to a key, whoever asks, whenever and after what: for what may be computed
// in any order, or again. Neighbouring keys are as unlike as any.
constexpr std::uint64_t KeyedBits(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  constexpr std::uint64_t kStep = 0x9E3779B97F4A7C15u;
  const std::uint64_t of_seed = MixBits(seed + kStep);
  const std::uint64_t of_stream = MixBits(of_seed + (stream + 1) * 0xD1B54A32D192ED03u);
  return MixBits(of_stream + (index + 1) * kStep);
}
constexpr double KeyedUniform(std::uint64_t seed, std::uint64_t stream,
                              std::uint64_t index) {  // [0, 1)
  return static_cast<double>(KeyedBits(seed, stream, index) >> 11) * 0x1p-53;
}

class Random {
 public:
  explicit Random(std::uint64_t seed, std::uint64_t stream = 0)
      : seed_(MixBits(seed + 0x9E3779B97F4A7C15u) ^ MixBits(stream * 0xD1B54A32D192ED03u + 1)) {}

  std::uint64_t Next() { return MixBits(seed_ + ++counter_ * 0x9E3779B97F4A7C15u); }
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1p-53; }  // [0, 1)
  // [0, n), n >= 1; the bias is below n / 2^64.
  std::size_t Below(std::size_t n) {
    return static_cast<std::size_t>((static_cast<unsigned __int128>(Next()) * n) >> 64);
  }
  double Normal() {  // Box-Muller, one of the pair
    const double u = 1.0 - Uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * Uniform());
  }

  std::uint64_t counter() const { return counter_; }
  void set_counter(std::uint64_t counter) { counter_ = counter; }

 private:
  std::uint64_t seed_;
  std::uint64_t counter_ = 0;
};

}  // namespace hadal
