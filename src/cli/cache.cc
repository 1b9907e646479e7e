// hadal cache: look into what --cache-dir keeps.
#include "cli/cache.h"

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/quote.h"
#include "base/table.h"
#include "base/units.h"
#include "cache/segment_store.h"
#include "cache/state_file.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "server/tool_store.h"

namespace hadal::cli {
namespace {

using cache::Segment, cache::SegmentStore;

constexpr const char* kCacheAbout =
    "Look into a folder with states of texts, which --cache-dir of serve and chat fills.\n"
    "\n"
    "Servers may use it meanwhile. docs/serve.md says what lies there.\n"
    "\n"
    "Examples:\n"
    "  hadal cache stats ~/.cache/hadal\n"
    "  hadal cache verify ~/.cache/hadal\n"
    "  hadal cache rm --unused 30 ~/.cache/hadal";

// A damaged index is begun anew by those who keep states, and by `rm --all`: nobody else takes away
// what servers that run may still hold.
Result<SegmentStore> OpenStore(const CacheOptions& options) {
  std::string note;
  auto store = SegmentStore::Open(options.folder, false, options.all ? &note : nullptr);
  if (!note.empty()) std::cerr << "hadal: " << note << '\n';
  if (!store.ok() && store.error().code == Code::kCorrupt)
    return Fail(Code::kCorrupt, "{}; the next server begins it anew, or `hadal cache rm --all`",
                store.error().what);
  return store;
}

double SecondsSince(std::int64_t used_ms) {
  return std::max(0.0, static_cast<double>(UnixMilliseconds() - used_ms) / 1000);
}

struct ModelTotals {
  std::uint64_t states = 0, segments = 0, state_bytes = 0, bytes = 0;
  double unused_seconds = 0;  // of what was used longest ago

  void Count(const Segment& segment) {
    ++segments;
    bytes += segment.bytes;
    if (segment.state) ++states;
    if (segment.state) state_bytes += segment.bytes;
    unused_seconds = std::max(unused_seconds, SecondsSince(segment.used_ms));
  }
};

Status Written(std::ostream& out) {
  out.flush();
  if (!out) return Fail(Code::kIo, "the output cannot be written");
  return Unit{};
}

std::vector<io::Digest> Chosen(const std::vector<Segment>& all, const CacheOptions& options) {
  constexpr double kDay = 86'400;
  std::vector<io::Digest> names;
  for (const Segment& segment : all) {
    const bool old = options.unused_days && SecondsSince(segment.used_ms) >
                                                kDay * static_cast<double>(*options.unused_days);
    if (options.all || old || (!options.model.empty() && segment.model == options.model))
      names.push_back(segment.name);
  }
  return names;
}

}  // namespace

// A line for each state: pages belong to many of them.
Status ListCache(const CacheOptions& options, std::ostream& out) {
  HADAL_TRY(SegmentStore store, OpenStore(options));
  HADAL_TRY(const std::vector<Segment> all, store.All());
  Table table({"model", ">tokens", ">state", ">unused for"});
  Json::Array states;
  for (const Segment& segment : all) {
    if (!segment.state) continue;
    const double unused = SecondsSince(segment.used_ms);
    table.Row({EscapeLines(segment.model), FormatCount(segment.done.tokens),
               FormatBytes(segment.bytes), FormatDuration(unused)});
    states.push_back(Json::MakeObject({{"name", segment.name.Hex()},
                                       {"model", segment.model},
                                       {"tokens", segment.done.tokens},
                                       {"bytes", segment.bytes},
                                       {"unused_s", unused}}));
  }
  if (options.json)
    out << Json(std::move(states)).Dump(2) << '\n';
  else
    out << table.Text();
  return Written(out);
}

Status CacheFigures(const CacheOptions& options, std::ostream& out) {
  HADAL_TRY(SegmentStore store, OpenStore(options));
  HADAL_TRY(const std::vector<Segment> segments, store.All());
  std::map<std::string, ModelTotals> models;
  ModelTotals all;
  for (const Segment& segment : segments) {
    models[segment.model].Count(segment);
    all.Count(segment);
  }
  Table table({"model", ">states", ">segments", ">bytes", ">of states", ">oldest unused for"});
  Json json = Json::MakeObject({});
  const auto add = [&](const std::string& name, const ModelTotals& m) {
    table.Row({EscapeLines(name), FormatCount(m.states), FormatCount(m.segments),
               FormatBytes(m.bytes), FormatBytes(m.state_bytes), FormatDuration(m.unused_seconds)});
    return Json::MakeObject({{"states", m.states},
                             {"segments", m.segments},
                             {"bytes", m.bytes},
                             {"state_bytes", m.state_bytes},
                             {"oldest_unused_s", m.unused_seconds}});
  };
  Json by_model = Json::MakeObject({});
  for (const auto& [name, totals] : models) by_model.Set(name, add(name, totals));
  json.Set("all", add("all", all));
  json.Set("models", std::move(by_model));
  if (options.json)
    out << json.Dump(2) << '\n';
  else
    out << table.Text();
  return Written(out);
}

Status CheckRemoval(const CacheOptions& options) {
  if (options.all || !options.model.empty() || options.unused_days) return Unit{};
  return Fail(Code::kInvalid, "what is to be removed? name --all, --model or --unused");
}

Status RemoveFromCache(const CacheOptions& options, std::ostream& out) {
  HADAL_TRY_STATUS(CheckRemoval(options));
  HADAL_TRY(SegmentStore store, OpenStore(options));
  HADAL_TRY(const std::vector<Segment> all, store.All());
  const std::vector<io::Digest> names = Chosen(all, options);
  if (options.all) {
    HADAL_TRY_STATUS(store.Erase());
    HADAL_TRY_STATUS(server::ToolStore::Erase(options.folder));
  } else {
    HADAL_TRY_STATUS(store.Remove(names));
    HADAL_TRY([[maybe_unused]] const std::uint64_t litter, store.RemoveLitter());
  }
  if (options.json)
    out << Json::MakeObject({{"removed", names.size()}, {"segments", all.size()}}).Dump(2) << '\n';
  else
    out << fmt::format("removed {} of {} segments\n", FormatCount(names.size()),
                       FormatCount(all.size()));
  return Written(out);
}

Status VerifyCache(const CacheOptions& options, std::ostream& out) {
  HADAL_TRY(SegmentStore store, OpenStore(options));
  HADAL_TRY(const std::vector<Segment> all, store.All());
  std::uint64_t bytes = 0, done = 0;
  Json::Array problems;
  for (const Segment& segment : all) bytes += segment.bytes;
  {
    Progress progress("reading", bytes, options.json);
    for (const Segment& segment : all) {
      const std::string stamp = store.StampOf(segment.name);
      const Status whole =
          cache::StateFileReader::Check(store.PathOf(segment.name), segment.name.low);
      progress.Set(done += segment.bytes);
      // One that another program has removed, or put there anew since, is not broken.
      if (whole.ok()) continue;
      // The disk or descriptors failed: that says nothing of the segment.
      if (whole.error().code == Code::kIo || whole.error().code == Code::kExhausted)
        return whole.error();
      if (!store.read_only()) {
        HADAL_TRY(const bool dropped, store.Drop(segment.name, stamp));
        if (!dropped) continue;
      }
      if (!options.json)
        out << EscapeLines(whole.error().what) << (store.read_only() ? "\n" : "; it is removed\n");
      problems.emplace_back(whole.error().what);
    }
  }
  HADAL_TRY(const std::uint64_t litter,
            store.read_only() ? Result<std::uint64_t>(0) : store.RemoveLitter());
  const std::uint64_t broken = problems.size();
  if (options.json)
    out << Json::MakeObject({{"segments", all.size()},
                             {"bytes", bytes},
                             {"broken", std::move(problems)},
                             {"removed", !store.read_only()},
                             {"files_of_nothing", litter}})
               .Dump(2)
        << '\n';
  else
    out << fmt::format("{} segments, {}: {} broken, {} files that belonged to nothing\n",
                       FormatCount(all.size()), FormatBytes(bytes), FormatCount(broken),
                       FormatCount(litter));
  HADAL_TRY_STATUS(Written(out));
  if (broken > 0)
    return Fail(Code::kCorrupt, "{}: {} of {} segments {}", options.folder, FormatCount(broken),
                FormatCount(all.size()),
                store.read_only() ? "are broken" : "were broken, and are removed");
  return Unit{};
}

void AddCache(Command app, Work* work) {
  const Command cache = app.AddCommand("cache", kCacheAbout);
  cache.RequireCommand();
  const auto add = [&](const char* name, const char* about,
                       Status (*run)(const CacheOptions&, std::ostream&),
                       Status (*check)(const CacheOptions&) = nullptr) {
    const Command command = cache.AddCommand(name, about);
    auto options = std::make_shared<CacheOptions>();
    command.AddOption("DIR", options->folder, "the folder of --cache-dir").Required();
    command.AddFlag("--json", options->json, "for programs");
    command.OnChosen(
        [options, work, run] { *work = [options, run] { return run(*options, std::cout); }; },
        [options, check] { return check == nullptr ? Status(Unit{}) : check(*options); });
    return std::pair(command, options);
  };
  add("ls", "List the states: their model, their length.", ListCache);
  add("stats", "How much there is, by model; states are windows and tails, the rest pages.",
      CacheFigures);
  add("verify",
      "Read every byte. What is broken, and files that belong to nothing, are removed; exit code "
      "1 if anything was broken.",
      VerifyCache);
  const auto [rm, removed] = add("rm", "Remove states and pages.", RemoveFromCache, CheckRemoval);
  rm.AddFlag("--all", removed->all, "all of them, and a server's calls of tools, without a trace");
  rm.AddOption("--model", removed->model, "those of the model of this name");
  rm.AddOption("--unused", removed->unused_days, "those that were not used for so many days")
      .Check(WholeNumber(0, 100'000));
}

}  // namespace hadal::cli
