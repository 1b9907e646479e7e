// What the kernels' tests share: random data, guarded outputs, every instruction set in turn.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/random.h"
#include "kernels/isa.h"
#include "tensor/view.h"

namespace hadal::kernels {

inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr float kInf = std::numeric_limits<float>::infinity();

inline std::vector<float> RandomNormals(std::size_t count, std::uint64_t seed, float size = 1) {
  Random random(seed);
  std::vector<float> v(count);
  for (float& x : v) x = size * static_cast<float>(random.Normal());
  return v;
}

inline View2<const float> AsRows(const std::vector<float>& v, std::size_t rows, std::size_t cols) {
  return {v.data(), rows, cols};
}

// An output full of NaN, so that an element left unwritten does not look right, between canaries.
class Guarded {
 public:
  explicit Guarded(std::size_t count) : memory_(count + 2 * kGuard, kCanary), count_(count) {
    for (float& v : span()) v = kNan;
  }
  Guarded(std::span<const float> contents) : Guarded(contents.size()) {  // NOLINT
    for (std::size_t i = 0; i < count_; ++i) span()[i] = contents[i];
  }
  std::span<float> span() { return {memory_.data() + kGuard, count_}; }
  View2<float> As(std::size_t rows, std::size_t cols) { return {span().data(), rows, cols}; }
  bool Intact() const {  // nothing wrote before or behind it
    for (std::size_t i = 0; i < kGuard; ++i)
      if (memory_[i] != kCanary || memory_[kGuard + count_ + i] != kCanary) return false;
    return true;
  }

 private:
  static constexpr std::size_t kGuard = 32;
  static constexpr float kCanary = 12345.678f;
  std::vector<float> memory_;
  std::size_t count_;
};

// body(isa) under every instruction set of this machine; afterwards the best one is active again.
template <class F>
void OnEveryIsa(F&& body) {
  for (Isa isa : RunnableIsas()) {
    SetActiveIsa(isa);
    body(isa);
  }
  SetActiveIsa(RunnableIsas().back());
}

template <class F>
void OnEverySimdIsa(F&& body) {
  OnEveryIsa([&](Isa isa) {
    if (isa != Isa::kRef) body(isa);
  });
}

inline bool IsFirstSimd(Isa isa) { return RunnableIsas().size() > 1 && isa == RunnableIsas()[1]; }

// (got - want) / bound, element by element: within its bound if at most 1.
inline std::vector<float> InBounds(std::span<const float> got, std::span<const float> want,
                                   std::span<const double> bound) {
  std::vector<float> ratio(got.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double error = std::fabs(double{got[i]} - want[i]);
    ratio[i] = static_cast<float>(error == 0 ? 0 : error / bound[i]);
  }
  return ratio;
}

}  // namespace hadal::kernels
