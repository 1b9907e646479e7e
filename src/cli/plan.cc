#include "cli/plan.h"

#include <iostream>
#include <utility>
#include <vector>

#include "cli/flags.h"
#include "cli/overwrite.h"
#include "io/file.h"
#include "plan/claims.h"
#include "plan/compare.h"
#include "plan/page.h"
#include "plan/show.h"

namespace hadal::cli {
namespace {

constexpr const char* kPlanAbout =
    "What a model costs in memory, arithmetic, speed and money, from its config alone.\n"
    "\n"
    "A MODEL is a preset (v4-flash, v4-pro, v3.2, gqa8, embedded), a config.json, or a checkpoint\n"
    "folder. Sizes accept 4096, 128K, 1M (binary), 1000000, 96GB and 96GiB.\n"
    "\n"
    "Examples:\n"
    "  hadal plan show v4-flash --context 1M         one model by component\n"
    "  hadal plan claims                             published figures, recomputed\n"
    "  hadal plan compare v3.2 v4-pro v4-flash --context 4K..1M\n"
    "  hadal plan fit v4-flash --machine server-256gb --context 1M\n"
    "  hadal plan check DIR bench.json --rates this  predicted beside measured";

constexpr const char* kAboutShow =
    "One model by component: parameters, bytes, KV cache, operations and traffic.\n"
    "\n"
    "Examples:\n"
    "  hadal plan show v4-flash --context 1M\n"
    "  hadal plan show ~/DeepSeek-V4-Flash --context 128K --gib\n"
    "  hadal plan show path/to/config.json --json";

constexpr const char* kAboutClaims =
    "DeepSeek-V4's published headline figures: published, computed here, and what is left over.\n"
    "\n"
    "Examples:\n"
    "  hadal plan claims\n"
    "  hadal plan claims --flops raw --context 1M    without precision weights, at 2^20 tokens\n"
    "  hadal plan claims --json | jq .claims";

constexpr const char* kAboutCompare =
    "Models side by side over context length; the first one is what the others are held against.\n"
    "\n"
    "Examples:\n"
    "  hadal plan compare v3.2 v4-pro v4-flash --context 4K..1M\n"
    "  hadal plan compare gqa8 v4-flash --context 8K,128K,1000000 --csv\n"
    "  hadal plan compare v3.2 v4-pro v4-flash --html plan.html";

struct PageFlags {
  std::string html;
  bool force = false;
};

struct ShowOptions : PlanFlags {
  std::string model, context = "1M";
  PageFlags page;
};

struct ClaimsOptions : PlanFlags {
  std::string context = "1000000";
};

struct CompareOptions : PlanFlags {
  std::vector<std::string> models;
  std::string context = "4K..1M";
  PageFlags page;
};

// The page for --html, if it was asked for.
Status WritePage(const PageFlags& flags, const std::vector<plan::PlannedModel>& models,
                 const std::vector<std::uint64_t>& contexts, const plan::Accounting& accounting) {
  if (flags.html.empty()) return Unit{};
  HADAL_TRY_STATUS(CheckNamed(flags.html, kPageKind, flags.force));
  HADAL_TRY(const std::string page, plan::PlanPage(models, contexts, accounting));
  return io::WriteFile(flags.html, page);
}

void AddPageFlags(Command command, PageFlags* flags) {
  command.AddOption("--html", flags->html,
                    "also write a page of charts for the browser to this file");
  AddForce(command, &flags->force);
}

Status Show(const ShowOptions& options, std::ostream& out) {
  HADAL_TRY(const plan::Accounting accounting, AccountingOf(options));
  HADAL_TRY(const std::uint64_t context, plan::ContextFlag("--context", options.context));
  HADAL_TRY(const plan::PlannedModel model, plan::FindModel(options.model));
  HADAL_TRY_STATUS(WritePage(options.page, {model}, {context}, accounting));
  return PrintReport(plan::ShowModel(model, context, accounting), options, out);
}

Status Claims(const ClaimsOptions& options, std::ostream& out) {
  HADAL_TRY(const plan::Accounting accounting, AccountingOf(options));
  HADAL_TRY(const std::uint64_t context, plan::ContextFlag("--context", options.context));
  return PrintReport(plan::Claims(accounting, context), options, out);
}

Status Compare(const CompareOptions& options, std::ostream& out) {
  HADAL_TRY(const plan::Accounting accounting, AccountingOf(options));
  HADAL_TRY(const auto contexts, plan::ContextsFlag("--context", options.context));
  HADAL_TRY(const auto models, plan::FindModels(options.models));
  HADAL_TRY_STATUS(WritePage(options.page, models, contexts, accounting));
  return PrintReport(plan::CompareModels(models, contexts, accounting), options, out);
}

template <class Reader>
Status CheckFlags(const PlanFlags& flags, const std::string& context, Reader read) {
  HADAL_TRY_STATUS(StatusOf(AccountingOf(flags)));
  return StatusOf(read("--context", context));
}

void AddShow(Command plan, Work* work) {
  auto options = std::make_shared<ShowOptions>();
  const Command show = plan.AddCommand("show", kAboutShow);
  show.AddOption("MODEL", options->model, "preset, config.json or checkpoint folder").Required();
  show.AddOption("--context", options->context, "tokens, with the new one").ShowDefault();
  AddPageFlags(show, &options->page);
  AddPlanFlags(show, options.get(), Accountings::kBoth);
  show.OnChosen([options, work] { *work = [options] { return Show(*options, std::cout); }; },
                [options] { return CheckFlags(*options, options->context, plan::ContextFlag); });
}

void AddClaims(Command plan, Work* work) {
  auto options = std::make_shared<ClaimsOptions>();
  const Command claims = plan.AddCommand("claims", kAboutClaims);
  claims.AddOption("--context", options->context, "tokens").ShowDefault();
  AddPlanFlags(claims, options.get(), Accountings::kBoth);
  claims.OnChosen([options, work] { *work = [options] { return Claims(*options, std::cout); }; },
                  [options] { return CheckFlags(*options, options->context, plan::ContextFlag); });
}

void AddCompare(Command plan, Work* work) {
  auto options = std::make_shared<CompareOptions>();
  const Command compare = plan.AddCommand("compare", kAboutCompare);
  compare
      .AddOption("MODEL", options->models, "models; the first is what the others are held against")
      .Required();
  compare.AddOption("--context", options->context, "FROM..TO, doubling; or a list").ShowDefault();
  AddPageFlags(compare, &options->page);
  AddPlanFlags(compare, options.get(), Accountings::kBoth);
  compare.OnChosen(
      [options, work] { *work = [options] { return Compare(*options, std::cout); }; },
      [options] { return CheckFlags(*options, options->context, plan::ContextsFlag); });
}

}  // namespace

void AddPlanFlags(Command command, PlanFlags* flags, Accountings accountings) {
  if (accountings != Accountings::kNone)
    command
        .AddOption("--kv", flags->kv,
                   "form of cache entries: published, payload, fp8-indexer, "
                   "unpadded, bf16, bf16-main")
        .ShowDefault();
  if (accountings == Accountings::kBoth)
    command
        .AddOption("--flops", flags->flops,
                   "accounting: raw, attention, fp8-equivalent, "
                   "bf16-outputs, fp32-compressors, fast-fp4, "
                   "fp8-indexer, fp8-core")
        .ShowDefault();
  command.AddFlag("--gib", flags->gib, "bytes in KiB, MiB, GiB (default: kB, MB, GB)");
  const Option json = command.AddFlag("--json", flags->json, "print one JSON object");
  command.AddFlag("--csv", flags->csv, "print the main table as CSV").Excludes(json);
}

Result<plan::Accounting> AccountingOf(const PlanFlags& flags) {
  return plan::MakeAccounting(flags.kv, flags.flops, flags.gib);
}

Status PrintReport(const plan::Report& report, const PlanFlags& flags, std::ostream& out) {
  if (flags.json)
    out << plan::ReportJson(report).Dump(2) << '\n';
  else if (flags.csv)
    out << plan::ReportCsv(report);
  else
    out << plan::ReportText(report);
  out.flush();
  if (!out) return Fail(Code::kIo, "the output cannot be written");
  return Unit{};
}

void AddPlan(Command app, Work* work) {
  const Command plan = app.AddCommand("plan", kPlanAbout);
  plan.RequireCommand();
  AddShow(plan, work);
  AddClaims(plan, work);
  AddCompare(plan, work);
  AddFit(plan, work);
  AddFleet(plan, work);
  AddCheck(plan, work);
  AddMachines(plan, work);
  AddRates(plan, work);
}

}  // namespace hadal::cli
