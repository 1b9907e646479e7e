// The subcommands of `hadal plan` that ask about machines.
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include "base/units.h"
#include "cli/flags.h"
#include "cli/plan.h"
#include "io/file.h"
#include "machine/report.h"
#include "plan/check.h"
#include "plan/expert_profile.h"
#include "plan/fit.h"
#include "plan/fleet.h"
#include "plan/measured_bench.h"

namespace hadal::cli {
namespace {

constexpr const char* kAboutFit =
    "What fits on a machine, and how fast it runs there.\n"
    "\n"
    "Memory is exact. Speeds are rooflines: what the machine's memory and arithmetic allow at "
    "most,\n"
    "times the share of it that the engine reaches, where the catalogue says so.\n"
    "\n"
    "Examples:\n"
    "  hadal plan fit v4-flash --machine server-256gb --context 1M\n"
    "  hadal plan fit v4-pro v3.2 --machine server-256gb --machines 4 --context 128K\n"
    "  hadal plan fit --machine desktop-64gb         every preset\n"
    "  hadal plan fit v4-flash --machine this        measured first: a few seconds\n"
    "  hadal plan fit v4-flash --machine doctor.json --context 32K --sequences 8";

constexpr const char* kAboutFleet =
    "Machines, memory, power and cost for a demand, for a model and for another beside it.\n"
    "\n"
    "Examples:\n"
    "  hadal plan fleet v4-flash --against v3.2 --machine server-768gb --users 100000 \\\n"
    "      --concurrency 10000 --contexts 8K:0.6,64K:0.3,128K:0.1 --output-tokens 20000 \\\n"
    "      --prompt-tokens 100000 --peak 2 --context-growth 4";

constexpr const char* kAboutMachines =
    "The machines that `fit` and `fleet` know.\n"
    "\n"
    "Examples:\n"
    "  hadal plan machines\n"
    "  hadal plan machines --toml > mine.toml        a file to extend, for --catalogue";

constexpr const char* kAboutCheck =
    "Predicted speed beside what `hadal bench --json` measured.\n"
    "\n"
    "Examples:\n"
    "  hadal bench -m DIR --depth 0,32K,128K --json > bench.json\n"
    "  hadal plan check DIR bench.json --rates this      from the kernels, measured now\n"
    "  hadal plan check DIR bench.json --rates rates.json\n"
    "  hadal plan check DIR bench.json                   by the share of the first depth\n"
    "  hadal bench -m DIR --ram 24G --chunk 4096 --prefill 4096 --depth 0 --json > disk.json\n"
    "  hadal plan check DIR disk.json --rates this       experts from disk";

// What is assumed of experts that stay on disk.
struct ExpertAssumptions {
  std::optional<double> hits, guesses;  // per cent
  std::string profile;
};

struct CheckOptions : PlanFlags {
  std::string model, bench, rates;
  ExpertAssumptions experts;
};

struct MachineOptions : PlanFlags {
  std::string machine, catalogue, rates, context = "128K";
  std::uint64_t rows = 512, sequences = 1, machines = 1, ram = 0;
  double usd_per_hour = 0, usd_per_kwh = 0, years = 0;
  ExpertAssumptions experts;
};

struct FitOptions : MachineOptions {
  std::vector<std::string> models;
};

struct FleetOptions : MachineOptions {
  std::string model, against, contexts;
  plan::Demand demand;
};

struct MachinesOptions : PlanFlags {
  std::string catalogue;
  bool toml = false;
};

constexpr std::uint64_t kMostRam = std::uint64_t{1} << 50;
constexpr std::uint64_t kMostTokensInAll = std::uint64_t{1} << 38;

// --ram in place of what the machine has.
Status SetRam(std::uint64_t ram, plan::Machine& machine) {
  if (ram == 0) return Unit{};
  if (ram <= machine.reserved_bytes)
    return Fail(Code::kInvalid, "--ram: found {}, expected more than the {} that {} reserves",
                FormatBytes(ram), FormatBytes(machine.reserved_bytes), machine.name);
  machine.notes.push_back(fmt::format("main memory by --ram: {} instead of {}", FormatCount(ram),
                                      FormatCount(machine.ram_bytes)));
  machine.ram_bytes = ram;
  return Unit{};
}

Status CheckPrices(const MachineOptions& o, const plan::Machine& machine) {
  if (o.years == 0) return Unit{};
  for (const auto& [key, value] : {std::pair{"usd", machine.usd}, {"watts", machine.watts}})
    if (!value)
      return Fail(Code::kInvalid, "--years: {} has no {} in the catalogue, expected usd and watts",
                  machine.name, key);
  return Unit{};
}

// A quick measurement of memory and arithmetic; `hadal doctor --json` into a file is more exact and
// knows the disk.
Result<plan::Machine> MeasureThis() {
  HADAL_TRY(const machine::MachineReport report, machine::MeasureMachine({.quick = true}));
  return plan::MachineFromDoctor(machine::ToJson(report), "this");
}

// What needs no look at the machine.
Status CheckLoad(const MachineOptions& o) {
  HADAL_TRY_STATUS(StatusOf(AccountingOf(o)));
  HADAL_TRY(const std::uint64_t context, plan::ContextFlag("--context", o.context));
  if (o.sequences <= kMostTokensInAll / context) return Unit{};
  return Fail(Code::kInvalid,
              "--sequences: found {} of {} tokens, expected at most {} tokens in all",
              FormatCount(o.sequences), FormatCount(context), FormatCount(kMostTokensInAll));
}

Result<plan::FitQuestion> QuestionOf(const MachineOptions& o) {
  HADAL_TRY(const plan::Accounting accounting, AccountingOf(o));
  plan::FitQuestion question;
  HADAL_TRY(question.machine,
            o.machine == "this" ? MeasureThis() : plan::FindMachine(o.machine, o.catalogue));
  HADAL_TRY_STATUS(SetRam(o.ram, question.machine));
  HADAL_TRY_STATUS(CheckPrices(o, question.machine));
  if (!o.rates.empty()) {
    HADAL_TRY(question.machine.engine, FindRates(o.rates));
    if (question.machine.engine->threads != question.machine.cores)
      return Fail(Code::kInvalid, "--rates: found rates of {} threads, expected {} as {} has",
                  question.machine.engine->threads, question.machine.cores, question.machine.name);
  }
  HADAL_TRY(question.load.context, plan::ContextFlag("--context", o.context));
  question.load.rows = o.rows;
  question.load.sequences = o.sequences;
  question.load.machines = o.machines;
  if (o.experts.hits) question.load.expert_hits = *o.experts.hits / 100;
  question.load.expert_guesses = o.experts.guesses.value_or(0) / 100;
  question.load.kv = accounting.kv;
  if (o.usd_per_hour > 0) question.prices.usd_per_hour = o.usd_per_hour;
  if (o.usd_per_kwh > 0) question.prices.usd_per_kwh = o.usd_per_kwh;
  question.prices.years = o.years;
  question.units = accounting.units;
  return question;
}

Status Fit(const FitOptions& options, std::ostream& out) {
  HADAL_TRY(plan::FitQuestion question, QuestionOf(options));
  std::vector<std::string> names = options.models;
  if (names.empty()) names = {"v4-flash", "v4-pro", "v3.2", "gqa8", "embedded"};
  HADAL_TRY(const auto models, plan::FindModels(names));
  if (!options.experts.profile.empty()) {
    if (models.size() != 1)
      return Fail(Code::kInvalid, "--experts-profile: found {} models, expected the one it is of",
                  models.size());
    HADAL_TRY(question.profile, plan::ReadProfile(options.experts.profile, models[0].cost));
  }
  return PrintReport(plan::Fit(models, question), options, out);
}

Result<plan::Demand> DemandOf(const FleetOptions& options) {
  plan::Demand demand = options.demand;
  HADAL_TRY(demand.contexts, plan::ContextSharesFlag("--contexts", options.contexts));
  HADAL_TRY_STATUS(plan::CheckDemand(demand));
  return demand;
}

Status Fleet(const FleetOptions& options, std::ostream& out) {
  HADAL_TRY(const plan::FitQuestion question, QuestionOf(options));
  HADAL_TRY(const plan::PlannedModel model, plan::FindModel(options.model));
  std::optional<plan::PlannedModel> against;
  if (!options.against.empty()) {
    HADAL_TRY(against, plan::FindModel(options.against));
  }
  HADAL_TRY(const plan::Demand demand, DemandOf(options));
  return PrintReport(plan::Fleet(model, against, question, demand), options, out);
}

Status Machines(const MachinesOptions& options, std::ostream& out) {
  if (options.toml) {
    out << plan::BuiltInMachines();
    return Unit{};
  }
  HADAL_TRY(const auto machines, plan::Catalogue(options.catalogue));
  const plan::ByteUnits units = options.gib ? plan::ByteUnits::kBinary : plan::ByteUnits::kDecimal;
  return PrintReport(plan::ListMachines(machines, units), options, out);
}

Result<plan::CheckAssumptions> AssumptionsOf(const CheckOptions& options,
                                             const plan::PlannedModel& model, const Json& bench) {
  plan::CheckAssumptions assumed{.expert_guesses = options.experts.guesses.value_or(0) / 100};
  if (options.experts.hits) {
    assumed.expert_hits = *options.experts.hits / 100;
    assumed.hits_from = "by --expert-hits";
  } else if (!options.experts.profile.empty()) {
    HADAL_TRY(const plan::MeasuredBench measured, plan::ReadBench(bench, options.bench));
    HADAL_TRY(const plan::ExpertProfile profile,
              plan::ReadProfile(options.experts.profile, model.cost));
    assumed.expert_hits = profile.HitsOf(measured.kept());
    assumed.hits_from = "of the most used in " + options.experts.profile;
  }
  return assumed;
}

Status Check(const CheckOptions& options, std::ostream& out) {
  constexpr std::uint64_t kMaxBytes = 64 << 20;
  HADAL_TRY(const plan::PlannedModel model, plan::FindModel(options.model));
  HADAL_TRY(const std::string text, io::ReadFile(options.bench, kMaxBytes));
  const Result<Json> json = ParseJson(text);
  if (!json.ok()) return Within(options.bench, json.error());
  std::optional<plan::EngineRates> rates;
  if (!options.rates.empty()) {
    HADAL_TRY(rates, FindRates(options.rates));
  }
  HADAL_TRY(const plan::CheckAssumptions assumed, AssumptionsOf(options, model, *json));
  HADAL_TRY(const plan::Report report,
            plan::CheckAgainstBench(model, *json, options.bench, rates, assumed));
  return PrintReport(report, options, out);
}

void AddRatesFlag(Command command, std::string* rates) {
  command.AddOption("--rates", *rates, "what `hadal plan rates --json` wrote, or `this`");
}

void AddExpertAssumptions(Command command, ExpertAssumptions* experts) {
  const auto percent = [&](const char* flag, std::optional<double>* value, const char* about) {
    return command.AddOption(flag, *value, about).Check(Number([](double number) -> Status {
      if (number >= 0 && number <= 100) return Unit{};
      return Fail(Code::kInvalid, "found {}, expected a number from 0 to 100", number);
    }));
  };
  const Option hits =
      percent("--expert-hits", &experts->hits,
              "where experts stay on disk: how many per cent of those that tokens choose are in "
              "memory and were not read for it (default: as many as are kept there)");
  command
      .AddOption("--experts-profile", experts->profile,
                 "hits of a memory that holds the most used experts of this profile, as a run "
                 "keeps it")
      .Excludes(hits);
  percent("--expert-guesses", &experts->guesses,
          "of the others, how many per cent are being read before their layer asks for them "
          "because it was guessed right, where the token's id does not decide (default: 0)");
}

void AddMachineFlags(Command command, MachineOptions* o) {
  command
      .AddOption("--machine", o->machine,
                 "name in the catalogue, `this`, or a .json of `hadal doctor`")
      .Required();
  command.AddOption("--catalogue", o->catalogue, "more machines, a TOML file");
  command.AddOption("--ram", o->ram, "main memory of one, as 96GiB (default: the machine's)")
      .Check(Size(1, kMostRam));
  AddRatesFlag(command, &o->rates);
  command.AddOption("--prefill-rows", o->rows, "tokens of a prefill step")
      .Check(Size(1, 1 << 20))
      .ShowDefault();
  const auto price = [&](const char* flag, double* value, const char* about) {
    return command.AddOption(flag, *value, about).Check(Number([](double number) -> Status {
      if (number >= 1e-6 && number <= 1e9) return Unit{};
      return Fail(Code::kInvalid, "found {}, expected a number from 0.000001 to 1000000000",
                  number);
    }));
  };
  const Option rent = price("--usd-per-hour", &o->usd_per_hour, "what one machine costs");
  const Option power = price("--usd-per-kwh", &o->usd_per_kwh, "what power costs, with --years");
  const Option years = price("--years", &o->years, "over which the purchase price is written off");
  power.Needs(years).Excludes(rent);
  years.Needs(power).Excludes(rent);
  AddPlanFlags(command, o, Accountings::kKv);
}

}  // namespace

void AddFit(Command plan, Work* work) {
  auto options = std::make_shared<FitOptions>();
  const Command fit = plan.AddCommand("fit", kAboutFit);
  fit.AddOption("MODEL", options->models, "models (default: every preset)");
  fit.AddOption("--context", options->context, "tokens of each sequence").ShowDefault();
  fit.AddOption("--sequences", options->sequences, "kept and decoded together")
      .Check(WholeNumber(1, 1 << 20))
      .ShowDefault();
  fit.AddOption("--machines", options->machines, "that share one copy of the weights")
      .Check(WholeNumber(1, 1024))
      .ShowDefault();
  AddExpertAssumptions(fit, &options->experts);
  AddMachineFlags(fit, options.get());
  fit.OnChosen([options, work] { *work = [options] { return Fit(*options, std::cout); }; },
               [options] { return CheckLoad(*options); });
}

void AddFleet(Command plan, Work* work) {
  auto options = std::make_shared<FleetOptions>();
  const Command fleet = plan.AddCommand("fleet", kAboutFleet);
  plan::Demand& demand = options->demand;
  fleet.AddOption("MODEL", options->model, "the model").Required();
  fleet.AddOption("--against", options->against, "another model, to compare with");
  fleet.AddOption("--users", demand.users, "users").Required();
  fleet.AddOption("--concurrency", demand.concurrency, "sequences under way at the peak")
      .Required();
  fleet.AddOption("--contexts", options->contexts, "TOKENS:SHARE,...; the shares sum to 1")
      .Required();
  fleet.AddOption("--output-tokens", demand.output_tokens_a_day, "decoded a user and day")
      .Required();
  fleet.AddOption("--prompt-tokens", demand.prompt_tokens_a_day, "prefilled a user and day")
      .Required();
  fleet.AddOption("--peak", demand.peak, "peak demand, times the day's mean").ShowDefault();
  fleet.AddOption("--context-growth", demand.context_growth, "what if contexts grew this much")
      .ShowDefault();
  AddMachineFlags(fleet, options.get());
  fleet.OnChosen([options, work] { *work = [options] { return Fleet(*options, std::cout); }; },
                 [options]() -> Status {
                   HADAL_TRY_STATUS(CheckLoad(*options));
                   return StatusOf(DemandOf(*options));
                 });
}

void AddCheck(Command plan, Work* work) {
  auto options = std::make_shared<CheckOptions>();
  const Command check = plan.AddCommand("check", kAboutCheck);
  check.AddOption("MODEL", options->model, "the model measured").Required();
  check.AddOption("BENCH", options->bench, "what `hadal bench --json` wrote").Required();
  AddRatesFlag(check, &options->rates);
  AddExpertAssumptions(check, &options->experts);
  AddPlanFlags(check, options.get(), Accountings::kNone);
  check.OnChosen([options, work] { *work = [options] { return Check(*options, std::cout); }; });
}

void AddMachines(Command plan, Work* work) {
  auto options = std::make_shared<MachinesOptions>();
  const Command machines = plan.AddCommand("machines", kAboutMachines);
  machines.AddOption("--catalogue", options->catalogue, "more machines, a TOML file");
  machines.AddFlag("--toml", options->toml, "print the built-in catalogue as it is");
  AddPlanFlags(machines, options.get(), Accountings::kNone);
  machines.OnChosen(
      [options, work] { *work = [options] { return Machines(*options, std::cout); }; });
}

}  // namespace hadal::cli
