#include "model/watch_rows.h"

#include "kernels/rows.h"
#include "tensor/finite.h"

namespace hadal::model {

void WatchRows(const Pass& pass, std::size_t layer, View2<const float> x,
               const std::function<std::size_t(std::size_t)>& row_of) {
  if (pass.observer == nullptr || pass.layout.layers[layer].mtp) return;
  if (kernels::AllFinite(x, pass.threads)) return;
  for (std::size_t r = 0; r < x.rows(); ++r)
    if (FirstNotFinite(x[r]))
      pass.observer->NotFinite(pass.first_layer + layer, pass.batch.first_row + row_of(r));
}

void WatchRows(const Pass& pass, std::size_t layer, View2<const float> x) {
  WatchRows(pass, layer, x, [](std::size_t row) { return row; });
}

}  // namespace hadal::model
