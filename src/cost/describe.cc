#include "cost/describe.h"

#include <algorithm>
#include <utility>

#include "cost/describe_families.h"

namespace hadal::cost {
namespace {

// Beyond it sums over 2^30 tokens would not fit into 64 bits.
constexpr std::uint64_t kMostAnEntry = std::uint64_t{1} << 32;

Status CheckSize(const CostModel& model) {
  for (const KvGroup& group : model.kv) {
    const std::uint64_t bytes =
        *std::max_element(group.entry_bytes.begin(), group.entry_bytes.end());
    const std::uint64_t macs = std::max(group.macs_per_read, group.prefill_macs_per_read);
    if (group.layers * std::max(bytes, macs) <= kMostAnEntry) continue;
    return Fail(
        Code::kInvalid,
        "config.json: num_hidden_layers: found {} with {} multiply-adds and {} bytes for each "
        "of its {}, expected at most {} in all layers",
        model.layers, macs, bytes, group.name, kMostAnEntry);
  }
  return Unit{};
}

struct DescribeShape {
  const HeldBy& held;
  CostModel operator()(const arch::Config& c) const { return DescribeV4(c, held); }
  CostModel operator()(const arch::MlaConfig& c) const { return DescribeMla(c, held); }
  CostModel operator()(const arch::GqaConfig& c) const { return DescribeGqa(c, held); }
};

}  // namespace

HeldBy HeldByRules(const arch::StorageRules& rules) {
  return [&rules](const arch::Module& module) -> Held {
    const arch::Packing packing = rules.PackingOf(module);
    return {packing.number, module.count * arch::PackedBytes(packing, module.rows, module.cols)};
  };
}

HeldBy HeldByFormats(FormatOf format_of) {
  return [format_of = std::move(format_of)](const arch::Module& module) -> Held {
    constexpr std::string_view kFirst = ".experts.0.";
    const std::size_t expert = module.name.find(kFirst);
    Held held;
    for (std::uint64_t i = 0; i < module.count; ++i) {  // experts of a layer may differ
      std::string name = module.name;
      if (expert != std::string::npos)
        name.replace(expert, kFirst.size(), fmt::format(".experts.{}.", i));
      std::optional<StoredFormat> format = format_of(name);
      if (!format) format = format_of(name + ".weight");
      if (!format) continue;  // the engine refuses such a checkpoint
      held.number = arch::PackingOf(*format).number;
      held.bytes += StoredBytes(*format, module.rows, module.cols);
    }
    return held;
  };
}

Result<CostModel> Describe(const arch::AnyConfig& config, const HeldBy& held, std::string name) {
  CostModel model = std::visit(DescribeShape{held}, config.shape);
  model.name = std::move(name);
  model.architecture = config.model_type;
  model.notes.insert(model.notes.begin(), config.notes.begin(), config.notes.end());
  HADAL_TRY_STATUS(CheckSize(model));
  return model;
}

Result<CostModel> Describe(const Json& config, std::string name, const Json* side) {
  HADAL_TRY(const arch::AnyConfig any, arch::ParseAnyConfig(config));
  HADAL_TRY(const arch::StorageRules rules, arch::ReadStorage(config, side, any.family()));
  HADAL_TRY(CostModel model, Describe(any, HeldByRules(rules), std::move(name)));
  if (any.family() == arch::Family::kV4 && !rules.quantized)
    model.notes.push_back(
        fmt::format("quantization_config is not given: matrices are counted as {}",
                    config.Find("dtype") != nullptr ? "dtype" : "torch_dtype"));
  model.notes.insert(model.notes.end(), rules.notes.begin(), rules.notes.end());
  return model;
}

}  // namespace hadal::cost
