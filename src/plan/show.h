// One model by component: what it is made of, what it keeps, computes and reads per token.
#pragma once
#include "plan/options.h"
#include "plan/planned_model.h"

namespace hadal::plan {

Report ShowModel(const PlannedModel& model, std::uint64_t context, const Accounting& accounting);

}  // namespace hadal::plan
