// Models that come with the program, as the config.json that describes each.
#pragma once
#include <span>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "cost/cost_model.h"

namespace hadal::cost {

struct Preset {
  std::string_view key;    // "v4-flash", on the command line
  std::string_view name;   // "V4-Flash"
  std::string_view about;  // one line
  Json (*config)();        // config.json
};

std::span<const Preset> Presets();
const Preset* FindPreset(std::string_view key);  // null: none
CostModel DescribePreset(std::string_view key);  // HADAL_CHECK: one of the keys above

}  // namespace hadal::cost
