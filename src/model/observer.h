// What happens inside a forward pass, for those who compare or explain. Called between parallel
// regions, in order.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "tensor/view.h"

namespace hadal::model {

class Observer {
 public:
  virtual ~Observer() = default;
  // Residual streams [tokens, stream_dim] before layer `boundary` (num_hidden_layers: after
  // all).
  virtual void Streams(std::size_t boundary, View2<const float> streams);
  // Chosen experts [tokens, num_experts_per_tok], ascending, and their weights.
  virtual void Routed(std::size_t layer, View2<const std::uint32_t> experts,
                      View2<const float> weights);
  // Of batch row `row`, something that other rows or its own choice depend on (model/watch_rows.h)
  // is not a finite number.
  virtual void NotFinite(std::size_t layer, std::size_t row);
  // A CSA layer's choice for batch row `row`: entry numbers, ascending.
  virtual void Selected(std::size_t layer, std::size_t row, std::span<const std::uint32_t> entries);
};

}  // namespace hadal::model
