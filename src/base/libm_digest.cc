#include "base/libm_digest.h"

#include <bit>
#include <cmath>
#include <concepts>

#include "base/random.h"

namespace hadal {
namespace {

constexpr std::uint64_t kValues = 4096;  // of each function

class Mixer {
 public:
  void Add(double value) { mixed_ = MixBits(mixed_ ^ std::bit_cast<std::uint64_t>(value)); }
  // Over arguments of a range, evenly.
  template <std::invocable<double> Function>
  void Over(double from, double to, Function function) {
    ++functions_;
    for (std::uint64_t i = 0; i < kValues; ++i)
      Add(function(from + (to - from) * KeyedUniform(functions_, 0, i)));
  }
  std::uint64_t mixed() const { return mixed_; }

 private:
  std::uint64_t mixed_ = 0, functions_ = 0;
};

}  // namespace

// Those that a forward pass calls, over what it calls them with: exponentials of softmax and gates,
// angles up to a million, frequencies.
std::uint64_t LibmDigest() {
  static const std::uint64_t digest = [] {
    Mixer mixer;
    mixer.Over(-30, 0, [](double x) { return double{std::exp(static_cast<float>(x))}; });
    mixer.Over(-40, 40, [](double x) { return std::exp(x); });
    mixer.Over(0, 1, [](double x) { return std::log1p(x); });
    mixer.Over(1, 1e6, [](double x) { return std::log(x); });
    mixer.Over(-1, 1, [](double x) { return std::pow(10000.0, x); });
    mixer.Over(0, 1e6, [](double x) { return std::sin(x); });
    mixer.Over(0, 1e6, [](double x) { return std::cos(x); });
    return mixer.mixed();
  }();
  return digest;
}

}  // namespace hadal
