// What the subcommands of `hadal plan` share: their flags, and printing a report.
#pragma once
#include <memory>
#include <ostream>
#include <string>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "plan/engine_rates.h"
#include "plan/options.h"

namespace hadal::cli {

struct PlanFlags {
  std::string kv = "published", flops = "fp8-equivalent";
  bool gib = false, json = false, csv = false;
};
// --kv and --flops where the command has accountings, --gib, --json, --csv.
enum class Accountings { kNone, kKv, kBoth };
void AddPlanFlags(Command command, PlanFlags* flags, Accountings accountings);
Result<plan::Accounting> AccountingOf(const PlanFlags& flags);
Status PrintReport(const plan::Report& report, const PlanFlags& flags, std::ostream& out);

// cli/plan_machines.cc
void AddFit(Command plan, Work* work);
void AddFleet(Command plan, Work* work);
void AddCheck(Command plan, Work* work);
void AddMachines(Command plan, Work* work);

// cli/plan_rates.cc
void AddRates(Command plan, Work* work);
Result<plan::Report> RatesReport(std::size_t threads);
Result<plan::EngineRates> FindRates(const std::string& name);  // "this", measured now; or a file

}  // namespace hadal::cli
