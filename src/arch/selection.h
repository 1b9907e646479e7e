// Which part of a model: layers [begin_layer, end_layer), experts [begin_expert, end_expert) of
// each, and what stands before and behind the layers. The default is everything; ends beyond the
// model are its ends. A process that runs a part opens, maps and keeps state for that part only.
#pragma once
#include <cstddef>
#include <limits>

#include "arch/config.h"
#include "arch/tensor_names.h"
#include "base/result.h"

namespace hadal::arch {

struct Selection {
  static constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

  std::size_t begin_layer = 0, end_layer = kAll;
  std::size_t begin_expert = 0, end_expert = kAll;
  bool embed = true;  // the embedding; the MTP block reads it too
  bool head = true;   // final norm, hc_head, head
  bool mtp = true;    // if the model has the block; needs embed and head

  bool WantsLayer(std::size_t layer) const { return begin_layer <= layer && layer < end_layer; }
  bool WantsExpert(std::size_t expert) const {
    return begin_expert <= expert && expert < end_expert;
  }
  bool Wants(const TensorId& id) const;
  bool whole() const { return *this == Selection(); }
  bool operator==(const Selection&) const = default;
};

// With ends within the model and no mtp that it does not have. kInvalid: no layer or expert of the
// model is in it; mtp without embed and head.
Result<Selection> Clamp(const Selection& selection, const Config& config);

}  // namespace hadal::arch
