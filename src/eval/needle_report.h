// A needle table as text, JSON and a heat map.
#pragma once
#include <string>

#include "base/json.h"
#include "eval/needle.h"

namespace hadal::eval {

std::string NeedleTable(const NeedleResult& result);
Json NeedleJson(const NeedleResult& result);
std::string NeedleSvg(const NeedleResult& result, const std::string& title);

}  // namespace hadal::eval
