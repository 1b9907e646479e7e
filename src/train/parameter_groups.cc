#include "train/parameter_groups.h"

#include "arch/tensor_names.h"

namespace hadal::train {
namespace {

using arch::Role;

bool IsForAdamW(const std::string& name, const torch::Tensor& value) {
  const arch::Recognised found = arch::Recognise(name);  // of a stack of experts: unknown
  const bool known = found.kind == arch::Recognised::Kind::kTensor;
  const Role role = found.id.role;
  return value.dim() < 2 || (known && (role == Role::kEmbed || role == Role::kHead ||
                                       role == Role::kCompressorApe || role == Role::kIndexerApe));
}

std::int64_t MatricesIn(const std::string& name, const torch::Tensor& value,
                        const arch::Config& config) {
  if (value.dim() == 3) return value.size(0);
  switch (arch::Recognise(name).id.role) {
    case Role::kIndexerWqB:
      return static_cast<std::int64_t>(config.index_n_heads);
    case Role::kWqB:
      return static_cast<std::int64_t>(config.num_attention_heads);
    case Role::kWoA:
      return static_cast<std::int64_t>(config.o_groups);
    default:
      return 1;
  }
}

}  // namespace

ParameterGroups GroupParameters(const NamedTensors& parameters, const arch::Config& config,
                                bool muon) {
  ParameterGroups groups;
  for (const auto& [name, value] : parameters) {
    if (!muon || IsForAdamW(name, value))
      groups.adamw.emplace_back(name, value);
    else
      groups.muon.push_back({name, value, MatricesIn(name, value, config)});
  }
  return groups;
}

}  // namespace hadal::train
