#include "cost/describe.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "arch/config_fields.h"

namespace hadal::cost {
namespace {

constexpr std::array<std::string_view, 2> kMla = {"deepseek_v3", "deepseek_v32"};
constexpr std::array<std::string_view, 6> kGqa = {"llama", "mistral", "mixtral",
                                                  "qwen2", "qwen3",   "qwen3_moe"};

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

template <std::size_t kCount>
bool Among(const std::array<std::string_view, kCount>& names, std::string_view name) {
  for (const std::string_view candidate : names)
    if (candidate == name) return true;
  return false;
}

Result<CostModel> DescribeAny(const Json& config, std::string name) {
  arch::Fields fields(config, "config.json");
  if (!fields.ok()) return fields.error();
  const Json* type = fields.Find("model_type");
  const std::string* text = type == nullptr ? nullptr : type->AsString();
  if (text != nullptr && *text == "deepseek_v4") {
    HADAL_TRY(const arch::Config v4, arch::ParseConfig(config));
    HADAL_TRY(const StorageOf storage, StorageByConfig(config));
    CostModel model = DescribeV4(v4, storage, std::move(name));
    if (!fields.Has("quantization_config"))
      model.notes.emplace_back(
          "quantization_config is not given: matrices are counted as torch_dtype");
    return model;
  }
  if (text != nullptr && Among(kMla, *text)) return DescribeMla(config, std::move(name));
  if (text != nullptr && Among(kGqa, *text)) return DescribeGqa(config, std::move(name));
  fields.Refuse(
      Code::kUnsupported, "model_type",
      fmt::format("one of deepseek_v4, {}, {}", fmt::join(kMla, ", "), fmt::join(kGqa, ", ")));
  return fields.error();
}

}  // namespace

Result<CostModel> Describe(const Json& config, std::string name) {
  HADAL_TRY(CostModel model, DescribeAny(config, std::move(name)));
  HADAL_TRY_STATUS(CheckSize(model));
  return model;
}

void RefuseOthers(arch::Fields& fields, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys)
    if (fields.Has(key))
      fields.Refuse(Code::kInvalid, key, "nothing: this model_type has no such field");
}

}  // namespace hadal::cost
