// What `hadal run` says of itself at the end: speed, and bytes by component.
#pragma once
#include <string>

#include "base/json.h"
#include "engine/generator.h"
#include "engine/model_files.h"

namespace hadal::cli {

std::string RunStatsText(const engine::GenerateResult& result, const engine::ModelFiles& files,
                         std::size_t threads);
Json RunStatsJson(const engine::GenerateResult& result, const engine::ModelFiles& files,
                  std::size_t threads);

}  // namespace hadal::cli
