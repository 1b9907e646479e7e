// The lists of each family; for cost/describe.cc alone.
#pragma once
#include "arch/config.h"
#include "arch/gqa_config.h"
#include "arch/mla_config.h"
#include "cost/cost_model.h"
#include "cost/weight_list.h"

namespace hadal::cost {

// All but the name, the architecture and what the reader noted.
CostModel DescribeV4(const arch::Config& config, const HeldBy& held);
CostModel DescribeMla(const arch::MlaConfig& config, const HeldBy& held);
CostModel DescribeGqa(const arch::GqaConfig& config, const HeldBy& held);

}  // namespace hadal::cost
