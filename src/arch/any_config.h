// config.json of any architecture that hadal knows, as data: one reader for each family, by
// model_type.
//
//   deepseek_v4                                     arch/config.h
//   deepseek_v2, _v3, _v32, kimi_k2, glm_moe_dsa    arch/mla_config.h
//   plain transformers                              arch/gqa_config.h
//
// The engine runs deepseek_v4 and deepseek_v32, whose config it reads by ParseConfig; the others
// can be counted and compared.
#pragma once
#include <string>
#include <variant>
#include <vector>

#include "arch/config.h"
#include "arch/gqa_config.h"
#include "arch/mla_config.h"
#include "arch/quantization.h"

namespace hadal::arch {

struct AnyConfig {
  std::string model_type;
  std::variant<Config, MlaConfig, GqaConfig> shape;
  std::vector<std::string> notes;  // what was derived and not said by the config

  Family family() const;
};

// kInvalid, kUnsupported: "config.json: <field>: found <value>, expected ...". Fields that change a
// figure must be given; what follows from others by the architecture's own rule becomes a note. How
// the numbers are stored is read apart (ReadStorage): the tensors of a folder say it too.
Result<AnyConfig> ParseAnyConfig(const Json& json);

}  // namespace hadal::arch
