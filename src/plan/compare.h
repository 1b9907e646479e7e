// Models side by side over context length: KV cache, FLOPs and bytes read per decoded token.
#pragma once
#include <vector>

#include "plan/options.h"
#include "plan/planned_model.h"

namespace hadal::plan {

// The first model is what the others are compared with. JSON: "models" (ModelJson each),
// "contexts", "points": one for each context and model.
Report CompareModels(const std::vector<PlannedModel>& models,
                     const std::vector<std::uint64_t>& contexts, const Accounting& accounting);

}  // namespace hadal::plan
