#include "server/info_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "base/progress.h"
#include "cost/presets.h"

namespace hadal::server {
namespace {

Json ModelJson(const ServedModel& model) {
  const arch::Config& config = model.files().model.config;
  const cost::Parameters parameters = cost::ParametersOf(model.costs());
  return Json::MakeObject({{"id", model.id()},
                           {"architecture", model.costs().architecture},
                           {"parameters", parameters.total},
                           {"active_parameters", parameters.active},
                           {"layers", std::uint64_t{config.num_hidden_layers}},
                           {"vocab_size", std::uint64_t{config.vocab_size}},
                           {"context", model.context()},
                           {"trained_context", std::uint64_t{config.max_position_embeddings}},
                           {"fingerprint", model.fingerprint()}});
}

Json RequestsJson(const StatusParts& parts) {
  Json::Array list;
  for (const GenerationView& view : parts.views)
    list.push_back(Json::MakeObject({{"id", view.id},
                                     {"api", view.api},
                                     {"state", view.state},
                                     {"choices", std::uint64_t{view.choices}},
                                     {"prompt_tokens", std::uint64_t{view.prompt_tokens}},
                                     {"read_tokens", std::uint64_t{view.read_tokens}},
                                     {"generated_tokens", std::uint64_t{view.generated_tokens}},
                                     {"seconds", view.seconds}}));
  const RunCounts counts = CountsOf(parts.views);
  return Json::MakeObject({{"running", std::uint64_t{counts.running}},
                           {"waiting", std::uint64_t{counts.waiting}},
                           {"paused", std::uint64_t{counts.paused}},
                           {"list", std::move(list)}});
}

Json SpeedJson(const SpeedHistory& history) {
  Json::Array decode, prompt, running, waiting;
  for (const SpeedHistory::Sample& sample : history.samples()) {
    decode.emplace_back(sample.decode_tokens_per_s);
    prompt.emplace_back(sample.prompt_tokens_per_s);
    running.emplace_back(std::uint64_t{sample.running});
    waiting.emplace_back(std::uint64_t{sample.waiting});
  }
  const bool any = !history.samples().empty();
  const SpeedHistory::Sample last = any ? history.samples().back() : SpeedHistory::Sample{};
  return Json::MakeObject({{"decode_tokens_per_s", last.decode_tokens_per_s},
                           {"prompt_tokens_per_s", last.prompt_tokens_per_s},
                           {"history", Json::MakeObject({{"period_s", 1},
                                                         {"decode_tokens_per_s", std::move(decode)},
                                                         {"prompt_tokens_per_s", std::move(prompt)},
                                                         {"running", std::move(running)},
                                                         {"waiting", std::move(waiting)}})}});
}

Json WeightsJson(const cost::CostModel& costs) {
  Json::Array components;
  const auto bytes = cost::WeightBytesByComponent(costs);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto component = static_cast<cost::Component>(i);
    if (bytes[i] > 0)
      components.push_back(Json::MakeObject({{"key", cost::ComponentKey(component)},
                                             {"name", cost::ComponentName(component)},
                                             {"bytes", bytes[i]}}));
  }
  return Json::MakeObject(
      {{"bytes", cost::WeightBytes(costs)}, {"components", std::move(components)}});
}

Json PrefixesJson(const cache::PrefixFigures& figures) {
  return Json::MakeObject({{"states", figures.states},
                           {"requests", figures.lookups},
                           {"hits", figures.hits},
                           {"tokens", figures.tokens},
                           {"cached_tokens", figures.cached_tokens}});
}

Json KvJson(const StatusParts& parts) {
  const RunningState state = StateOf(parts);
  Json kinds = Json::MakeObject({});
  for (const auto& [kind, bytes] : KindsOf(state.bytes)) kinds.Set(kind, bytes);
  return Json::MakeObject({{"limit_bytes", parts.engine.state_limit()},
                           {"used_bytes", parts.engine.state_bytes()},
                           {"tokens", state.tokens},
                           {"kinds", std::move(kinds)},
                           {"prefixes", PrefixesJson(parts.engine.figures().prefixes)}});
}

// What the same context takes in other models: bytes of entries at this server's context.
Json CompareJson(const ServedModel& model) {
  Json::Array list;
  const auto add = [&](const std::string& name, const cost::CostModel& costs) {
    list.push_back(Json::MakeObject({{"name", name},
                                     {"bytes", cost::KvBytes(costs, model.context())},
                                     {"bytes_per_token", cost::KvBytesPerToken(costs)},
                                     {"fixed_bytes", cost::KvFixedBytes(costs)}}));
  };
  add(model.id(), model.costs());
  for (const cost::Preset& preset : cost::Presets())
    if (preset.key != "embedded") add(std::string(preset.name), cost::DescribePreset(preset.key));
  return Json::MakeObject({{"context", model.context()}, {"models", std::move(list)}});
}

// What --cache-dir holds, of all servers together, and what this one has done with it.
Json DiskJson(const StatusParts& parts) {
  Json json = Json::MakeObject({{"tools", std::uint64_t{parts.tool_disk_bytes}}});
  if (parts.options.disk.folder.empty()) return json;
  const auto disk = parts.engine.figures().disk.value_or(cache::DiskFigures{});
  json.Set("states", parts.disk.bytes);
  json.Set("state_count", parts.disk.states);
  json.Set("limit_bytes", parts.options.disk.limit_bytes);
  json.Set("written_states", disk.written.states);
  json.Set("skipped_states", disk.written.skipped);
  json.Set("restored_states", disk.restored_states);
  return json;
}

Json KeptJson(const KeptForClients& kept) {
  return Json::MakeObject({{"grammars", std::uint64_t{kept.grammars}},
                           {"turns", std::uint64_t{kept.turns}},
                           {"responses", std::uint64_t{kept.responses}}});
}

Json MemoryJson(const StatusParts& parts) {
  const engine::Footprint& plan = parts.engine.footprint();
  return Json::MakeObject({{"weights", WeightsJson(parts.model.costs())},
                           {"kv", KvJson(parts)},
                           {"scratch_bytes", plan.scratch},
                           {"program_bytes", plan.taken + plan.program},
                           {"requests_bytes", plan.beside},
                           {"kept", KeptJson(parts.kept)},
                           {"planned_bytes", plan.total()},
                           {"resident_anonymous_bytes", AnonymousResidentBytes()}});
}

std::string Rfc3339(std::int64_t unix_seconds) {
  const std::chrono::sys_seconds time{std::chrono::seconds(unix_seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace

RunningState StateOf(const StatusParts& parts) {
  const arch::Config& config = parts.model.files().model.config;
  const arch::KvLayout layout(config, arch::Numerics::Stored());
  RunningState state;
  for (const GenerationView& view : parts.views) {
    const std::uint64_t tokens =
        view.read_tokens + view.generated_tokens / std::max<std::size_t>(view.choices, 1);
    if (tokens == 0) continue;
    const cost::StateBytes one = cost::AllocatedState(config, layout, tokens);
    for (auto field :
         {&cost::StateBytes::window, &cost::StateBytes::csa, &cost::StateBytes::index_keys,
          &cost::StateBytes::hca, &cost::StateBytes::tails, &cost::StateBytes::mtp_window,
          &cost::StateBytes::returning, &cost::StateBytes::padding})
      state.bytes.*field += view.choices * one.*field;
    state.tokens += view.choices * tokens;
  }
  return state;
}

RunCounts CountsOf(const std::vector<GenerationView>& views) {
  RunCounts counts;
  for (const GenerationView& view : views) {
    counts.running += view.running;
    counts.waiting += view.waiting;
    counts.paused += view.paused;
  }
  return counts;
}

std::vector<std::pair<const char*, std::uint64_t>> KindsOf(const cost::StateBytes& bytes) {
  return {{"window", bytes.window},         {"csa", bytes.csa},
          {"index_keys", bytes.index_keys}, {"hca", bytes.hca},
          {"tails", bytes.tails},           {"mtp_window", bytes.mtp_window},
          {"returning", bytes.returning},   {"padding", bytes.padding}};
}

Json HealthJson() { return Json::MakeObject({{"status", "ok"}}); }

Json VersionJson(const ServedModel& model) {
  return Json::MakeObject(
      {{"version", HADAL_VERSION}, {"system_fingerprint", model.fingerprint()}});
}

Json ModelCard(const ServedModel& model, ErrorShape shape) {
  if (shape == ErrorShape::kOpenAi) return model.Card();
  return Json::MakeObject({{"type", "model"},
                           {"id", model.id()},
                           {"display_name", model.id()},
                           {"created_at", Rfc3339(model.created())}});
}

Json ModelsJson(const ServedModel& model, ErrorShape shape) {
  const Json card = ModelCard(model, shape);
  if (shape == ErrorShape::kAnthropic)
    return Json::MakeObject({{"data", Json::Array{card}},
                             {"has_more", false},
                             {"first_id", model.id()},
                             {"last_id", model.id()}});
  // "models": what OpenAI's own agent looks for besides.
  return Json::MakeObject(
      {{"object", "list"}, {"data", Json::Array{card}}, {"models", Json::Array{card}}});
}

void SpeedHistory::Add(const EngineFigures& figures, const RunCounts& counts) {
  const double seconds = clock_.seconds();
  clock_ = {};
  const auto rate = [&](std::uint64_t now, std::uint64_t before) {
    return seconds > 0 ? static_cast<double>(now - before) / seconds : 0;
  };
  samples_.push_back({rate(figures.decode_tokens, last_.decode_tokens),
                      rate(figures.prompt_tokens, last_.prompt_tokens), counts.running,
                      counts.waiting});
  if (samples_.size() > kSamples) samples_.pop_front();
  last_ = figures;
}

Json SlotsJson(const StatusParts& parts) {
  std::vector<GenerationView> running;  // once for each of their choices
  for (const GenerationView& view : parts.views) running.insert(running.end(), view.running, view);
  Json::Array slots;
  for (std::size_t i = 0; i < parts.options.parallel; ++i) {
    Json slot = Json::MakeObject({{"id", std::uint64_t{i}},
                                  {"n_ctx", parts.model.context()},
                                  {"is_processing", i < running.size()}});
    if (i < running.size()) {
      slot.Set("id_task", running[i].id);
      slot.Set("state", running[i].state);
      slot.Set("n_prompt_tokens", std::uint64_t{running[i].prompt_tokens});
      slot.Set("n_decoded", std::uint64_t{running[i].generated_tokens});
    }
    slots.push_back(std::move(slot));
  }
  return Json(std::move(slots));
}

Json PropsJson(const StatusParts& parts) {
  const engine::SampleOptions& sample = parts.model.files().generation.sample;
  return Json::MakeObject(
      {{"default_generation_settings",
        Json::MakeObject({{"n_ctx", parts.model.context()},
                          {"params", Json::MakeObject({{"temperature", sample.temperature},
                                                       {"top_k", sample.top_k},
                                                       {"top_p", sample.top_p},
                                                       {"min_p", sample.min_p}})}})},
       {"total_slots", std::uint64_t{parts.options.parallel}},
       {"model_alias", parts.model.id()},
       {"chat_template_caps", Json::MakeObject({{"supports_system_role", true},
                                                {"supports_tools", true},
                                                {"supports_tool_calls", true},
                                                {"supports_parallel_tool_calls", true},
                                                {"supports_preserve_reasoning", true}})},
       {"modalities", Json::MakeObject({{"vision", false}, {"audio", false}})},
       {"build_info", "hadal " HADAL_VERSION}});
}

Json StatusJson(const StatusParts& parts) {
  return Json::MakeObject(
      {{"model", ModelJson(parts.model)},
       {"server", Json::MakeObject({{"version", HADAL_VERSION},
                                    {"uptime_s", parts.uptime_seconds},
                                    {"parallel", std::uint64_t{parts.options.parallel}},
                                    {"threads", std::uint64_t{parts.options.threads}},
                                    {"connections", std::uint64_t{parts.connections}},
                                    {"draining", parts.draining}})},
       {"requests", RequestsJson(parts)},
       {"speed", SpeedJson(parts.history)},
       {"memory", MemoryJson(parts)},
       {"disk", DiskJson(parts)},
       {"compare", CompareJson(parts.model)}});
}

}  // namespace hadal::server
