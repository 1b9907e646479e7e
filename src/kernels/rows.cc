#include "kernels/rows.h"

#include <array>
#include <atomic>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "base/copy.h"
#include "kernels/share_rows.h"
#include "tensor/finite.h"

namespace hadal::kernels {
namespace {

// Eight at a time, read before any is written: so the compiler takes them as vectors.
void AddRow(std::span<const float> x, std::span<float> y) {
  HADAL_CHECK(x.size() == y.size());
  constexpr std::size_t kAtOnce = 8;
  std::size_t d = 0;
  for (; d + kAtOnce <= y.size(); d += kAtOnce) {
    std::array<float, kAtOnce> sum;
    for (std::size_t i = 0; i < kAtOnce; ++i) sum[i] = y[d + i] + x[d + i];
    std::memcpy(&y[d], sum.data(), sizeof(sum));
  }
  for (; d < y.size(); ++d) y[d] += x[d];
}

}  // namespace

namespace ref {

void AddChosen(View2<const float> x, View2<const std::uint32_t> slots, std::size_t first,
               View2<float> y) {
  for (std::size_t t = 0; t < y.rows(); ++t)
    for (std::size_t d = 0; d < y.cols(); ++d) {
      double sum = y[t][d];
      for (const std::uint32_t slot : slots[t])
        if (slot >= first && slot - first < x.rows()) sum += double{x[slot - first][d]};
      y[t][d] = static_cast<float>(sum);
    }
}

bool AllFinite(View2<const float> x) {
  for (std::size_t t = 0; t < x.rows(); ++t)
    for (const float value : x[t])
      if (!std::isfinite(value)) return false;
  return true;
}

}  // namespace ref

void DecodeRows(const StoredMatrix& w, std::span<const std::int32_t> pick, View2<float> y,
                Threads& threads) {
  HADAL_CHECK(pick.size() == y.rows());
  ShareRows(y.rows(), y.cols(), kRounding, threads,
            [&](std::size_t t) { DecodeRow(w, static_cast<std::size_t>(pick[t]), y[t]); });
}

void CopyRows(View2<const float> x, View2<float> y, Threads& threads) {
  HADAL_CHECK(x.rows() == y.rows() && x.cols() == y.cols());
  ShareRows(y.rows(), y.cols(), kCopying, threads, [&](std::size_t t) { CopyTo(x[t], y[t]); });
}

void GatherRows(View2<const float> x, std::span<const std::uint32_t> pick, View2<float> y,
                Threads& threads) {
  HADAL_CHECK(pick.size() == y.rows() && x.cols() == y.cols());
  ShareRows(y.rows(), y.cols(), kCopying, threads,
            [&](std::size_t t) { CopyTo(x[pick[t]], y[t]); });
}

void AddRows(View2<const float> x, View2<float> y, Threads& threads) {
  HADAL_CHECK(x.rows() == y.rows());
  ShareRows(y.rows(), y.cols(), kAdding, threads, [&](std::size_t t) { AddRow(x[t], y[t]); });
}

void AddPicked(View2<const float> table, std::span<const std::uint32_t> pick, View2<float> y,
               Threads& threads) {
  HADAL_CHECK(pick.size() == y.rows());
  ShareRows(y.rows(), y.cols(), kAdding, threads,
            [&](std::size_t t) { AddRow(table[pick[t]], y[t]); });
}

void AddChosen(View2<const float> x, View2<const std::uint32_t> slots, std::size_t first,
               View2<float> y, Threads& threads) {
  HADAL_CHECK(slots.rows() == y.rows());
  ShareRows(y.rows(), y.cols() * slots.cols(), kAdding, threads, [&](std::size_t t) {
    for (const std::uint32_t slot : slots[t])
      if (slot >= first && slot - first < x.rows()) AddRow(x[slot - first], y[t]);
  });
}

void ScaleRows(float factor, View2<float> y, Threads& threads) {
  ShareRows(y.rows(), y.cols(), kAdding, threads, [&](std::size_t t) {
    for (float& v : y[t]) v *= factor;
  });
}

void WeighRows(std::span<const float> weights, View2<float> y, Threads& threads) {
  HADAL_CHECK(weights.size() == y.rows());
  ShareRows(y.rows(), y.cols(), kAdding, threads, [&](std::size_t t) {
    for (float& v : y[t]) v *= weights[t];
  });
}

bool AllFinite(View2<const float> x, Threads& threads) {
  // Floats that one thread has read before another could begin.
  constexpr std::size_t kAlone = std::size_t{1} << 14;
  if (x.rows() * x.cols() <= kAlone) {
    for (std::size_t t = 0; t < x.rows(); ++t)
      if (FirstNotFinite(x[t])) return false;
    return true;
  }
  std::atomic<bool> finite{true};
  ShareRows(x.rows(), x.cols(), kAdding, threads, [&](std::size_t t) {
    if (FirstNotFinite(x[t])) finite.store(false, std::memory_order_relaxed);
  });
  return finite;
}

}  // namespace hadal::kernels
