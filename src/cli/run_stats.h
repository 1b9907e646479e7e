// What `hadal run` says of itself at the end: speed, and bytes by component.
#pragma once
#include <string>

#include "base/json.h"
#include "cli/model_files.h"
#include "engine/generator.h"

namespace hadal::cli {

std::string RunStatsText(const engine::GenerateResult& result, const ModelFiles& files);
Json RunStatsJson(const engine::GenerateResult& result, const ModelFiles& files);

}  // namespace hadal::cli
