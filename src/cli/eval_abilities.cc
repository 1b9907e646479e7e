// hadal eval abilities: what a small model has learnt of what hadal data teaches.
#include <cstdio>
#include <memory>
#include <optional>

#include "base/progress.h"
#include "base/stop_signal.h"
#include "base/table.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "eval/abilities.h"

namespace hadal::cli {
namespace {

constexpr const char* kEvalAbilitiesAbout =
    "What a small model has learnt of what `hadal data` teaches.\n"
    "\n"
    "Tool calls, questions about a text, memory over turns, lists, stories: tasks of the half\n"
    "that training never sees, with other names, tools and words. Answers are drawn greedily\n"
    "and without constraints. The same tasks of the training half (--half training) tell what\n"
    "was not learnt from what does not carry over.\n"
    "\n"
    "Examples:\n"
    "  hadal eval abilities -m models/embedded --trials 20\n"
    "  hadal eval abilities -m models/embedded --trials 20 --half training\n"
    "  hadal eval abilities -m models/embedded --trials 5 --misses      and where it failed";

struct AbilityFlags {
  std::string model, half = "heldout";
  eval::AbilityOptions eval;
  std::size_t threads = 0;
  bool misses = false, json = false;
};

double Percent(const eval::Ability& a) {
  return a.trials == 0 ? 0 : 100.0 * static_cast<double>(a.right) / static_cast<double>(a.trials);
}

Json MissesJson(const std::vector<eval::Miss>& all) {
  Json::Array misses;
  for (const eval::Miss& miss : all) {
    Json::Array abilities(miss.abilities.begin(), miss.abilities.end());
    misses.push_back(Json::MakeObject({{"abilities", std::move(abilities)},
                                       {"prompt", miss.prompt},
                                       {"asked", miss.asked},
                                       {"answered", miss.answered}}));
  }
  return misses;
}

std::string MissesText(const std::vector<eval::Miss>& misses) {
  std::string text;
  for (const eval::Miss& miss : misses)
    text += fmt::format("\n{}\n  asked     {}\n  answered  {}\n", fmt::join(miss.abilities, ", "),
                        Json(miss.asked).Dump(), Json(miss.answered).Dump());
  return text;
}

Status Abilities(AbilityFlags flags) {
  flags.eval.cancel = &StopRequested();
  flags.eval.half = datagen::HalfNamed(flags.half);
  HADAL_TRY(const engine::ModelFiles files, engine::OpenModel(flags.model));
  Threads threads(flags.threads);
  std::optional<Progress> progress;
  const auto measured =
      eval::MeasureAbilities(files, threads, flags.eval, [&](std::size_t done, std::size_t total) {
        if (!progress) progress.emplace("asking", total, flags.json);
        progress->Set(done);
      });
  progress.reset();
  if (!measured.ok()) return measured.error();
  Table table({"ability", ">right", ">of", ">%"});
  Json::Array rows;
  for (const eval::Ability& a : measured->abilities) {
    table.Row(
        {a.name, FormatCount(a.right), FormatCount(a.trials), fmt::format("{:.1f}", Percent(a))});
    rows.push_back(Json::MakeObject({{"ability", a.name},
                                     {"trials", std::uint64_t{a.trials}},
                                     {"right", std::uint64_t{a.right}}}));
  }
  std::string text = table.Text() + (flags.misses ? MissesText(measured->misses) : "");
  if (flags.json) {
    Json out = Json::MakeObject({{"half", flags.half}, {"abilities", std::move(rows)}});
    if (flags.misses) out.Set("misses", MissesJson(measured->misses));
    text = out.Dump(2) + "\n";
  }
  std::fputs(text.c_str(), stdout);
  return Unit{};
}

}  // namespace

void AddEvalAbilities(Command eval, Work* work) {
  auto flags = std::make_shared<AbilityFlags>();
  const Command abilities = eval.AddCommand("abilities", kEvalAbilitiesAbout);
  abilities.AddOption("-m,--model", flags->model,
                      "checkpoint directory (default: the embedded model)");
  abilities.AddOption("--trials", flags->eval.trials, "tasks of each kind")
      .Check(WholeNumber(1, 100000))
      .ShowDefault();
  abilities.AddOption("--half", flags->half, "whose names, templates and tools")
      .Check(OneOf({"training", "heldout"}))
      .ShowDefault();
  abilities.AddOption("--seed", flags->eval.seed, "other tasks").ShowDefault();
  AddThreads(abilities, &flags->threads);
  abilities.AddFlag(
      "--misses", flags->misses,
      "and what was asked and answered where it failed; with --json also all that it had read");
  abilities.AddFlag("--json", flags->json, "print one JSON object");
  abilities.OnChosen([flags, work] { *work = [flags] { return Abilities(*flags); }; });
}

}  // namespace hadal::cli
