// A page for the browser about models over context and sequences: one file that asks the network
// for nothing. It holds the models' lists of terms and computes from them with web/plan/formulas.js
// what src/cost computes; web/plan/*_test.js hold the two against each other.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "plan/options.h"
#include "plan/planned_model.h"

namespace hadal::plan {

// What web/plan/planner.js works on, wherever it is shown. `contexts`: ascending; the first and the
// last are the ends of its slider. One context alone becomes an end of 1K and the models' own
// limits.
Json PageData(const std::vector<PlannedModel>& models, const std::vector<std::uint64_t>& contexts,
              const Accounting& accounting);

// The page with its data. kUnsupported: this build has no chart library.
Result<std::string> PlanPage(const std::vector<PlannedModel>& models,
                             const std::vector<std::uint64_t>& contexts,
                             const Accounting& accounting);

// Filled in by CMake from web/plan and its npm packages.
struct PageSources {
  std::string_view html, css, script;
  std::string_view chart_css, chart_script;  // empty: not installed when the program was built
};
PageSources BuiltInPage();

// The page from its parts and the JSON it works on.
Result<std::string> AssemblePage(const PageSources& sources, const Json& data);

}  // namespace hadal::plan
