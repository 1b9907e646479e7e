// What `hadal run` says of itself at the end: speed, and bytes by component.
#pragma once
#include <cstdint>
#include <string>

#include "base/json.h"
#include "cli/model_files.h"
#include "engine/generator.h"

namespace hadal::cli {

std::string RunStatsText(const engine::GenerateResult& result, const ModelFiles& files,
                         std::uint64_t seed);
Json RunStatsJson(const engine::GenerateResult& result, const ModelFiles& files,
                  std::uint64_t seed);

}  // namespace hadal::cli
