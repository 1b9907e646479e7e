#include "model/watch_rows.h"

#include <atomic>

#include "tensor/finite.h"

namespace hadal::model {
namespace {

// Floats that one thread has read before another could begin.
constexpr std::size_t kAlone = std::size_t{1} << 14;

bool AllFinite(View2<const float> x, Threads& threads) {
  if (x.rows() * x.cols() <= kAlone) {
    for (std::size_t r = 0; r < x.rows(); ++r)
      if (FirstNotFinite(x[r])) return false;
    return true;
  }
  std::atomic<bool> finite{true};
  threads.Run(x.rows(), [&](std::size_t r) {
    if (FirstNotFinite(x[r])) finite.store(false, std::memory_order_relaxed);
  });
  return finite;
}

}  // namespace

void WatchRows(const Pass& pass, std::size_t layer, View2<const float> x,
               const std::function<std::size_t(std::size_t)>& row_of) {
  if (pass.observer == nullptr || pass.layout.layers[layer].mtp) return;
  if (AllFinite(x, pass.threads)) return;
  for (std::size_t r = 0; r < x.rows(); ++r)
    if (FirstNotFinite(x[r]))
      pass.observer->NotFinite(pass.first_layer + layer, pass.batch.first_row + row_of(r));
}

void WatchRows(const Pass& pass, std::size_t layer, View2<const float> x) {
  WatchRows(pass, layer, x, [](std::size_t row) { return row; });
}

}  // namespace hadal::model
