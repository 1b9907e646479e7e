#include "cli/run_stats.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "arch/inventory.h"
#include "arch/kv_layout.h"
#include "base/progress.h"
#include "base/table.h"
#include "base/units.h"
#include "cost/engine_memory.h"
#include "io/checkpoint_files.h"

namespace hadal::cli {
namespace {

double PerSecond(std::size_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

double PrefillSpeed(const engine::GenerateResult& r) {
  return PerSecond(r.read_tokens, r.prefill_seconds);
}

double DecodeSpeed(const engine::GenerateResult& r) {
  // The first generated token comes out of the prefill.
  return PerSecond(r.generated_tokens > 0 ? r.generated_tokens - 1 : 0, r.decode_seconds);
}

// Of the guesses tried, how many were right: "12/20 5/12".
std::string ByPlace(const engine::DraftCounts& drafts) {
  std::string out;
  for (std::size_t i = 0; i < drafts.tried_at.size() && drafts.tried_at[i] > 0; ++i)
    out += fmt::format("{}{}/{}", i == 0 ? "" : " ", drafts.accepted_at[i], drafts.tried_at[i]);
  return out;
}

Json DraftsJson(const engine::DraftCounts& drafts) {
  Json::Array tried, accepted;
  for (std::size_t i = 0; i < drafts.tried_at.size() && drafts.tried_at[i] > 0; ++i) {
    tried.push_back(drafts.tried_at[i]);
    accepted.push_back(drafts.accepted_at[i]);
  }
  return Json::MakeObject({{"passes", drafts.drafts},
                           {"tried", drafts.tried},
                           {"accepted", drafts.accepted},
                           {"tried_by_place", std::move(tried)},
                           {"accepted_by_place", std::move(accepted)}});
}

using Part = std::pair<std::string, std::uint64_t>;

// The model's components, without those that it does not have.
std::vector<Part> WeightBytes(const model::Model& model) {
  const io::Checkpoint& checkpoint = model.checkpoint();
  std::vector<Part> parts;
  for (std::size_t i = 0; i < arch::kComponents; ++i)
    parts.emplace_back(arch::ComponentName(static_cast<arch::Component>(i)), 0);
  for (const std::string& name : checkpoint.Names()) {
    const io::TensorInfo& info = *checkpoint.Info(name);
    const auto component =
        static_cast<std::size_t>(arch::Recognise(name, model.config).component());
    parts[component].second += info.end - info.begin;
  }
  std::erase_if(parts, [](const Part& part) { return part.second == 0; });
  return parts;
}

// A state of the model's whole context, and what the same layers would keep in V3.2's form: of this
// model's sizes an entry and an index key of every token in every layer.
struct WholeContext {
  std::uint64_t tokens = 0, bytes = 0, v32_bytes = 0;
};

// Nothing of a model that has V3.2's form.
std::optional<WholeContext> WholeContextOf(const arch::Config& config) {
  const arch::KvLayout layout(config, arch::Numerics::Stored());
  if (!layout.forgets()) return std::nullopt;
  const auto layers =
      static_cast<std::uint64_t>(std::ranges::count(layout.layers, false, &arch::LayerLayout::mtp));
  const std::uint64_t tokens = config.max_position_embeddings;
  return WholeContext{.tokens = tokens,
                      .bytes = cost::AllocatedState(config, layout, tokens).total(),
                      .v32_bytes = tokens * layers * (layout.entry_bytes + layout.index_key_bytes)};
}

double Share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

void AddExpertRows(const model::DiskExpertFigures& e, Table* table) {
  table->Row({"experts held", FormatCount(e.slots), FormatBytes(e.slots * e.slot_bytes)});
  table->Row({"  held when wanted", fmt::format("{:.1f}%", 100 * Share(e.held, e.wanted)),
              fmt::format("of {}; {:.1f}% more were under way", FormatCount(e.wanted),
                          100 * Share(e.coming, e.wanted))});
  table->Row({"  read", FormatBytes(e.read_bytes),
              fmt::format("in {} of reading; computing waited {}", FormatDuration(e.busy_seconds),
                          FormatDuration(e.wait_seconds))});
}

Json ExpertsJson(const model::DiskExpertFigures& e) {
  return Json::MakeObject({{"slots", e.slots},
                           {"slot_bytes", e.slot_bytes},
                           {"wanted", e.wanted},
                           {"held", e.held},
                           {"coming", e.coming},
                           {"guessed", e.guessed},
                           {"guessed_right", e.guessed_right},
                           {"reads", e.reads},
                           {"read_bytes", e.read_bytes},
                           {"read_seconds", e.busy_seconds},
                           {"wait_seconds", e.wait_seconds}});
}

}  // namespace

std::string RunStatsText(const engine::GenerateResult& r, const engine::ModelFiles& files,
                         std::size_t threads) {
  Table table({"", ">", ""});
  const arch::Config& config = files.model.config;
  table.Row({"model", io::NameOfFolder(files.directory),
             fmt::format("{} layers, a context of {} tokens", files.model.layers.size(),
                         FormatCount(config.max_position_embeddings))});
  const arch::ParameterCount count = arch::CountParameters(config);
  table.Row({"parameters", FormatCount(count.total),
             fmt::format("{} active for a token, {} more in MTP", FormatCount(count.active),
                         FormatCount(count.mtp))});
  table.Row({"prompt", FormatCount(r.prompt_tokens), "tokens"});
  table.Row({"prefill", fmt::format("{:.1f}", PrefillSpeed(r)),
             fmt::format("tokens/s: {} in {}", FormatCount(r.read_tokens),
                         FormatDuration(r.prefill_seconds))});
  table.Row({"generated", FormatCount(r.generated_tokens),
             fmt::format("tokens, ended by {}", engine::FinishReasonName(r.reason))});
  table.Row({"decode", fmt::format("{:.1f}", DecodeSpeed(r)),
             fmt::format("tokens/s, in {}", FormatDuration(r.decode_seconds))});
  if (r.drafts.tried > 0)
    table.Row({"guesses right", FormatCount(r.drafts.accepted),
               fmt::format("of {} in {} passes; by place: {}", FormatCount(r.drafts.tried),
                           FormatCount(r.drafts.drafts), ByPlace(r.drafts))});
  table.Row({"threads", FormatCount(threads), ""});
  const io::Checkpoint& checkpoint = files.model.checkpoint();
  table.Row({"weights", FormatBytes(checkpoint.tensor_bytes()),
             checkpoint.mapped() ? "mapped" : "experts on disk"});
  for (const auto& [name, bytes] : WeightBytes(files.model))
    table.Row({"  " + name, FormatBytes(bytes), ""});
  if (r.experts) AddExpertRows(*r.experts, &table);
  table.Row({"state", FormatBytes(r.state_bytes), "of the sequence"});
  table.Row({"  window and tails", FormatBytes(r.fixed_state_bytes), ""});
  table.Row({"  pages", FormatBytes(r.state_bytes - r.fixed_state_bytes), "compressed entries"});
  if (const auto whole = WholeContextOf(config)) {
    table.Row({"  of " + FormatCount(whole->tokens) + " tokens", FormatBytes(whole->bytes),
               "the whole context"});
    table.Row({"    in V3.2's form", FormatBytes(whole->v32_bytes),
               "an entry and an index key of every token in every layer"});
  }
  table.Row({"scratch", FormatBytes(r.scratch_bytes), ""});
  table.Row({"peak RSS", FormatBytes(PeakResidentBytes()), ""});
  table.Row({"seed", std::to_string(r.seed), ""});
  return table.Text();
}

Json RunStatsJson(const engine::GenerateResult& r, const engine::ModelFiles& files,
                  std::size_t threads) {
  Json weights = Json::MakeObject({});
  for (const auto& [name, bytes] : WeightBytes(files.model)) weights.Set(name, bytes);
  Json stats = Json::MakeObject({{"finish_reason", engine::FinishReasonName(r.reason)},
                                 {"seed", r.seed},
                                 {"prompt_tokens", std::uint64_t{r.prompt_tokens}},
                                 {"generated_tokens", std::uint64_t{r.generated_tokens}},
                                 {"read_tokens", std::uint64_t{r.read_tokens}},
                                 {"prefill_seconds", r.prefill_seconds},
                                 {"decode_seconds", r.decode_seconds},
                                 {"prefill_tokens_per_s", PrefillSpeed(r)},
                                 {"decode_tokens_per_s", DecodeSpeed(r)},
                                 {"drafts", DraftsJson(r.drafts)},
                                 {"threads", std::uint64_t{threads}},
                                 {"parameters", arch::CountParameters(files.model.config).total},
                                 {"weight_bytes", files.model.checkpoint().tensor_bytes()},
                                 {"weight_bytes_by_component", std::move(weights)},
                                 {"state_bytes", std::uint64_t{r.state_bytes}},
                                 {"fixed_state_bytes", std::uint64_t{r.fixed_state_bytes}},
                                 {"page_bytes", std::uint64_t{r.state_bytes - r.fixed_state_bytes}},
                                 {"scratch_bytes", std::uint64_t{r.scratch_bytes}},
                                 {"rss_peak_bytes", PeakResidentBytes()}});
  if (const auto whole = WholeContextOf(files.model.config))
    stats.Set("whole_context", Json::MakeObject({{"tokens", whole->tokens},
                                                 {"state_bytes", whole->bytes},
                                                 {"state_bytes_as_v32", whole->v32_bytes}}));
  if (r.experts) stats.Set("experts", ExpertsJson(*r.experts));
  return stats;
}

}  // namespace hadal::cli
