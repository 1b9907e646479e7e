// Names of modules as quantisation tools list them, and whether a module is among them. A module's
// name is the published one of its weight without ".weight":
// "model.layers.3.mlp.experts.0.up_proj".
//
//   layers.3.mlp, self_attn, lm_head   the module, all below it, or any with these parts in a row
//   model.layers.*.self_attn           * and ? stand for any text; the module, or all below it
//   re:.*shared_experts.*              a regular expression that matches from the name's start
//
// The prefix "model." may be given or not, on both sides.
// Source: fnmatch (TensorRT Model Optimizer), compressed-tensors is_match, transformers
// should_convert_module.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"

namespace hadal::arch {

class NamePatterns {
 public:
  // kUnsupported: a pattern that hadal does not read.
  Status Add(std::string_view pattern);
  bool Match(std::string_view module) const;

 private:
  struct Expression;
  std::unordered_set<std::string> parts_;
  std::vector<std::string> wildcards_;
  std::vector<std::shared_ptr<const Expression>> expressions_;
};

// "model.layers.3.x" -> "layers.3.x", also of models that lie beside a vision model.
std::string_view WithoutModelPrefix(std::string_view name);

}  // namespace hadal::arch
