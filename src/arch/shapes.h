// The published shapes by name, and the same shapes with fewer layers or experts: for measurements
// on machines that do not hold the whole model.
// Source: config.json of DeepSeek-V4-Flash, DeepSeek-V4-Pro and DeepSeek-V3.2-Exp.
#pragma once
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "arch/config.h"
#include "base/result.h"

namespace hadal::arch {

Config FlashShape();  // 284B parameters
Config ProShape();    // 1.6T parameters
Config V32Shape();    // DeepSeek-V3.2, 671B parameters

// What to change of a shape; what is absent stays.
struct ShapeChanges {
  std::optional<std::size_t> layers = {}, experts = {}, vocab = {}, max_positions = {};
  std::optional<std::vector<std::size_t>> ratios = {};  // V4: one a layer
  std::optional<bool> mtp = {};  // absent: as the shape has it if its layers stay, else without
};

// Fewer layers: the ratios are the shape's own from the first layer on, where of two equal first
// ones the first is left out (Flash in 4 layers is 0, 4, 128, 4; Pro 128, 4, 128, 4). More layers:
// the last two ratios are repeated. Of V3.2's dense layers fewer layers keep the first one.
// kInvalid: names the change that makes no model.
Result<Config> ChangeShape(const Config& shape, const ShapeChanges& changes);

}  // namespace hadal::arch
