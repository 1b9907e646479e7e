#include "arch/selection.h"

#include <algorithm>

namespace hadal::arch {

bool Selection::Wants(const TensorId& id) const {
  if (IsRoutedExpert(id.role) && !WantsExpert(id.expert)) return false;
  switch (id.part) {
    case Part::kLayer:
      return WantsLayer(id.layer);
    case Part::kMtp:
      return mtp;
    case Part::kModel:
      break;
  }
  return id.role == Role::kEmbed ? embed : head;
}

Result<Selection> Clamp(const Selection& selection, const Config& config) {
  Selection s = selection;
  s.end_layer = std::min(s.end_layer, config.num_hidden_layers);
  s.end_expert = std::min(s.end_expert, config.n_routed_experts);
  s.mtp = s.mtp && config.num_nextn_predict_layers > 0;
  if (s.begin_layer >= s.end_layer) {
    return Fail(Code::kInvalid, "layers {} to {}: expected some of the model's {}", s.begin_layer,
                selection.end_layer, config.num_hidden_layers);
  }
  if (s.begin_expert >= s.end_expert) {
    return Fail(Code::kInvalid, "experts {} to {}: expected some of the model's {}", s.begin_expert,
                selection.end_expert, config.n_routed_experts);
  }
  if (s.mtp && !(s.embed && s.head))
    return Fail(Code::kInvalid, "the MTP block without embedding and head, which it computes with");
  return s;
}

}  // namespace hadal::arch
