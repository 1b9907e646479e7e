// `hadal plan rates`: how fast the engine's kernels go here.
#include <fmt/format.h>

#include <iostream>
#include <memory>

#include "base/threads.h"
#include "cli/plan.h"
#include "io/file.h"
#include "machine/features.h"
#include "measure/kernel_rates.h"

namespace hadal::cli {
namespace {

constexpr const char* kPlanRatesAbout =
    "How fast the engine's own kernels go on this machine: a few seconds, a gigabyte of memory.\n"
    "\n"
    "With --rates, `fit` and `check` predict decoding and prefill from these and not from the\n"
    "machine's limits.\n"
    "\n"
    "Examples:\n"
    "  hadal plan rates\n"
    "  hadal plan rates --json > rates.json\n"
    "  hadal plan fit v4-flash --machine doctor.json --rates rates.json";

Status Rates(const PlanFlags& flags, std::ostream& out) {
  HADAL_TRY(const plan::Report report, RatesReport(Threads::HardwareCount()));
  return PrintReport(report, flags, out);
}

}  // namespace

Result<plan::Report> RatesReport(std::size_t threads) {
  HADAL_TRY(const std::vector<measure::KernelRate> rates, measure::MeasureKernels(threads));
  plan::Section section{.key = "kernels",
                        .title = {},
                        .columns = {{"kernel", "kernel"},
                                    {"per_s", ">G/s"},
                                    {"min", ">min"},
                                    {"max", ">max"},
                                    {"unit", "of"}},
                        .rows = {}};
  const auto giga = [](double v) { return plan::Cell{v, fmt::format("{:.1f}", v / 1e9)}; };
  for (const measure::KernelRate& rate : rates)
    section.rows.push_back({plan::Text(std::string(rate.kernel)), giga(rate.per_s.median),
                            giga(rate.per_s.min), giga(rate.per_s.max), plan::Text(rate.unit)});
  plan::Report report;
  const std::string processor = machine::DescribeComputer().processor;
  report.title = fmt::format("The engine's kernels on {}, {} threads", processor, threads);
  report.facts.Set("processor", processor);
  report.facts.Set("threads", threads);
  report.sections.push_back(std::move(section));
  report.notes = {
      "Medians of 15, in turns: products of one token with weights colder than the caches, in "
      "bytes of codes and scales; index scores and attention over stored entries, in operations, "
      "two a multiply-add; many_rows: products of 256 rows with one matrix, in operations; reading "
      "memory alone, which `plan check` compares with the bench's."};
  return report;
}

Result<plan::EngineRates> FindRates(const std::string& name) {
  if (name == "this") {
    HADAL_TRY(const plan::Report report, RatesReport(Threads::HardwareCount()));
    return plan::EngineRatesFromJson(plan::ReportJson(report), name);
  }
  constexpr std::uint64_t kMaxBytes = 1 << 20;
  HADAL_TRY(const std::string text, io::ReadFile(name, kMaxBytes));
  const Result<Json> json = ParseJson(text);
  if (!json.ok()) return Within(name, json.error());
  return plan::EngineRatesFromJson(*json, name);
}

void AddRates(Command plan, Work* work) {
  auto options = std::make_shared<PlanFlags>();
  const Command rates = plan.AddCommand("rates", kPlanRatesAbout);
  AddPlanFlags(rates, options.get(), Accountings::kNone);
  rates.OnChosen([options, work] { *work = [options] { return Rates(*options, std::cout); }; });
}

}  // namespace hadal::cli
