#include "train/schema.h"

#include <fmt/format.h>

#include <functional>
#include <numeric>

namespace hadal::train {
namespace {

using arch::Role;

Start StartOf(Role role) {
  switch (role) {
    case Role::kNorm:
    case Role::kENorm:
    case Role::kHNorm:
    case Role::kAttnNorm:
    case Role::kFfnNorm:
    case Role::kQNorm:
    case Role::kKvNorm:
    case Role::kCompressorNorm:
    case Role::kIndexerNorm:
      return Start::kOnes;
    case Role::kHcAttnBase:
    case Role::kHcFfnBase:
      return Start::kHyperBase;
    case Role::kHcHeadScale:
    case Role::kHcAttnScale:
    case Role::kHcFfnScale:
      return Start::kHyperScale;
    case Role::kTid2Eid:
      return Start::kHashTable;
    case Role::kAttnSink:
    case Role::kCompressorApe:
    case Role::kIndexerApe:
    case Role::kGateBias:
    case Role::kHcHeadBase:
      return Start::kZeros;
    default:
      return Start::kNormal;
  }
}

bool IsHyper(Role role) {
  return arch::ComponentOf({.role = role}) == arch::Component::kHyperConnection;
}

// What another residual than the published one changes.
void Adapt(Residual residual, Role role, ParameterSpec* spec) {
  if (residual == Residual::kManifold || !IsHyper(role)) return;
  if (residual == Residual::kPlain) {
    spec->trained = false;
    if (spec->start == Start::kHyperScale) spec->start = Start::kZeros;
  } else if (spec->start == Start::kHyperBase) {
    spec->start = Start::kHyperFree;
  } else if (role == Role::kHcHeadBase) {
    spec->start = Start::kOnes;  // the head reads the sum of the streams
  }
}

// Two a layer, the MTP block's behind the others'.
std::int64_t SublayerOf(const arch::TensorId& id, const arch::Config& config) {
  const std::size_t layer = id.layer + (id.part == arch::Part::kMtp ? config.num_hidden_layers : 0);
  return static_cast<std::int64_t>(2 * layer + (id.role >= Role::kHcFfnFn ? 1 : 0));
}

}  // namespace

// layers.N.ffn.experts.E.w1.weight -> layers.N.ffn.experts.w1; other names stay.
std::string ParameterName(const arch::TensorId& id) {
  if (!arch::IsRoutedExpert(id.role)) return arch::NameOf(id);
  return fmt::format("{}.{}.{}", id.part == arch::Part::kMtp ? "mtp" : "layers", id.layer,
                     arch::GroupName({.role = id.role}));
}

std::vector<ParameterSpec> ParametersOf(const arch::Config& config, Residual residual) {
  std::vector<ParameterSpec> parameters;
  // A layer's experts are listed expert by expert, so a stack's pieces are up to three apart.
  const auto stack_of = [&](const std::string& name) -> ParameterSpec* {
    for (std::size_t back = 1; back <= 3 && back <= parameters.size(); ++back)
      if (parameters[parameters.size() - back].name == name)
        return &parameters[parameters.size() - back];
    return nullptr;
  };
  for (const arch::TensorSpec& tensor : arch::TensorsOf(config)) {
    const std::string name = ParameterName(tensor.id);
    if (ParameterSpec* stack = stack_of(name)) {
      stack->published.push_back(tensor);
      continue;
    }
    ParameterSpec spec{name, {}, tensor.format, {tensor}};
    if (name != tensor.name)
      spec.shape.push_back(static_cast<std::int64_t>(config.n_routed_experts));
    for (const std::uint64_t size : tensor.shape)
      spec.shape.push_back(static_cast<std::int64_t>(size));
    const Role role = tensor.id.role;
    spec.start = StartOf(role);
    spec.trained = role != Role::kGateBias && role != Role::kTid2Eid;
    spec.sublayer = SublayerOf(tensor.id, config);
    Adapt(residual, role, &spec);
    parameters.push_back(std::move(spec));
  }
  return parameters;
}

std::int64_t CountTrained(const std::vector<ParameterSpec>& parameters) {
  std::int64_t count = 0;
  for (const ParameterSpec& spec : parameters)
    if (spec.trained)
      count += std::accumulate(spec.shape.begin(), spec.shape.end(), std::int64_t{1},
                               std::multiplies<>());
  return count;
}

}  // namespace hadal::train
