#include "train/schema.h"

#include <charconv>
#include <string_view>

namespace hadal::train {
namespace {

constexpr std::string_view kExperts = ".ffn.experts.";

// layers.N.ffn.experts.E.w1.weight -> layers.N.ffn.experts.w1; other names stay.
std::string StackedName(const std::string& name) {
  const std::size_t at = name.find(kExperts);
  if (at == std::string::npos) return name;
  const std::size_t expert = at + kExperts.size(), matrix = name.find('.', expert) + 1;
  return name.substr(0, expert) + name.substr(matrix, name.rfind('.') - matrix);
}

Start StartOf(std::string_view name) {
  if (name.ends_with("norm.weight")) return Start::kOnes;
  if (name.ends_with("hc_attn_base") || name.ends_with("hc_ffn_base")) return Start::kHyperBase;
  if (name.ends_with("_scale")) return Start::kHyperScale;
  if (name.ends_with("tid2eid")) return Start::kHashTable;
  for (const std::string_view zero : {"attn_sink", ".ape", ".bias", "hc_head_base"})
    if (name.ends_with(zero)) return Start::kZeros;
  return Start::kNormal;
}

// "layers.3.": 3; "mtp.0.": the number of layers; anything else: 0.
std::int64_t LayerOf(const std::string& name, const arch::Config& config) {
  const std::size_t dot = name.find('.');
  std::int64_t layer = 0;
  if (dot != std::string::npos)
    std::from_chars(name.data() + dot + 1, name.data() + name.size(), layer);
  const bool mtp = name.starts_with("mtp.");
  return layer + (mtp ? static_cast<std::int64_t>(config.num_hidden_layers) : 0);
}

}  // namespace

std::vector<ParameterSpec> ParametersOf(const arch::Config& config) {
  std::vector<ParameterSpec> parameters;
  // A layer's experts are listed expert by expert, so a stack's pieces are up to three apart.
  const auto stack_of = [&](const std::string& name) -> ParameterSpec* {
    for (std::size_t back = 1; back <= 3 && back <= parameters.size(); ++back)
      if (parameters[parameters.size() - back].name == name)
        return &parameters[parameters.size() - back];
    return nullptr;
  };
  for (const arch::TensorSpec& tensor : arch::TensorsOf(config)) {
    const std::string name = StackedName(tensor.name);
    if (ParameterSpec* stack = stack_of(name)) {
      stack->published.push_back(tensor);
      continue;
    }
    ParameterSpec spec{name, {}, tensor.format, {tensor}};
    if (name != tensor.name)
      spec.shape.push_back(static_cast<std::int64_t>(config.n_routed_experts));
    for (const std::uint64_t size : tensor.shape)
      spec.shape.push_back(static_cast<std::int64_t>(size));
    spec.start = StartOf(name);
    spec.trained = !name.ends_with("gate.bias") && !name.ends_with("tid2eid");
    const bool ffn = name.find("ffn") != std::string::npos;
    spec.sublayer = 2 * LayerOf(name, config) + (ffn ? 1 : 0);
    parameters.push_back(std::move(spec));
  }
  return parameters;
}

}  // namespace hadal::train
