// DeepSeek-V4's published headline figures, computed: each with the accounting that was used and
// what is left over. No number is fitted, but the accountings were chosen after the published
// figures were known; the report says so and shows what is left over under the others.
//
// Source of the published figures: DeepSeek-V4 technical report (abstract, figure 1, sections on
// inference), model cards and checkpoint index of V4-Flash and V4-Pro; DeepSeek-V3.2 model card.
#pragma once
#include "plan/options.h"

namespace hadal::plan {

// The context of figure 1 is given as "1M"; one million reproduces its last digit, 2^20 does not.
inline constexpr std::uint64_t kClaimedContext = 1'000'000;

// JSON: "claims": [{"name", "published", "ours", "unit", "residual", "reproduced", "accounting",
// "why"}]; what is left over under every accounting ("kv_residuals", "flop_residuals": a row a
// claim and length, a key an accounting; "parameter_residuals"), and the same ratios under every
// accounting ("flop_accountings", "kv_accountings").
Report Claims(const Accounting& accounting, std::uint64_t context);

}  // namespace hadal::plan
