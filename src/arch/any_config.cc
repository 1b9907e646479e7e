#include "arch/any_config.h"

#include <algorithm>

namespace hadal::arch {

Family AnyConfig::family() const {
  if (std::holds_alternative<Config>(shape)) return Family::kV4;
  return std::holds_alternative<MlaConfig>(shape) ? Family::kMla : Family::kTransformer;
}

Result<AnyConfig> ParseAnyConfig(const Json& json) {
  Fields fields(json, "config.json");
  if (!fields.ok()) return fields.error();
  const Json* type = fields.Find("model_type");
  const std::string* name = type == nullptr ? nullptr : type->AsString();
  const auto among = [&](const std::vector<std::string>& types) {
    return name != nullptr && std::ranges::find(types, *name) != types.end();
  };
  AnyConfig any;
  if (name != nullptr) any.model_type = *name;
  if (any.model_type == "deepseek_v4") {
    HADAL_TRY(any.shape, ParseShape(json));
  } else if (among(kMlaTypes)) {
    any.shape = ReadMla(fields, *name, &any.notes);
  } else if (among(kGqaTypes)) {
    any.shape = ReadGqa(fields, *name, &any.notes);
  } else {
    fields.Refuse(Code::kUnsupported, "model_type",
                  fmt::format("one of deepseek_v4, {}, {}", fmt::join(kMlaTypes, ", "),
                              fmt::join(kGqaTypes, ", ")));
  }
  if (!fields.ok()) return fields.error();
  return any;
}

}  // namespace hadal::arch
