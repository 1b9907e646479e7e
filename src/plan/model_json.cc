#include "arch/kv_layout.h"
#include "cost/engine_memory.h"
#include "plan/planned_model.h"

namespace hadal::plan {
namespace {

Json WeightsJson(const cost::CostModel& model) {
  Json::Array groups;
  for (const cost::WeightGroup& group : model.weights)
    groups.push_back(Json::MakeObject({{"name", group.name},
                                       {"component", cost::ComponentKey(group.component)},
                                       {"work", cost::WorkKey(group.work)},
                                       {"tensors", group.tensors},
                                       {"parameters", group.parameters},
                                       {"bytes", group.bytes},
                                       {"active_parameters", group.active_parameters},
                                       {"active_bytes", group.active_bytes},
                                       {"macs", group.macs},
                                       {"for_logits", group.for_logits}}));
  return groups;
}

Json KvJson(const cost::CostModel& model) {
  Json::Array groups;
  for (const cost::KvGroup& group : model.kv) {
    Json bytes{Json::Object{}};
    for (std::size_t f = 0; f < cost::kKvFormats; ++f)
      bytes.Set(cost::KvFormatName(static_cast<cost::KvFormat>(f)), group.entry_bytes[f]);
    groups.push_back(Json::MakeObject({{"key", group.key},
                                       {"name", group.name},
                                       {"component", cost::ComponentKey(group.component)},
                                       {"work", cost::WorkKey(group.work)},
                                       {"layers", group.layers},
                                       {"tokens_per_entry", group.tokens_per_entry},
                                       {"max_entries", group.max_entries},
                                       {"max_read", group.max_read},
                                       {"macs_per_read", group.macs_per_read},
                                       {"prefill_macs_per_read", group.prefill_macs_per_read},
                                       {"entry_bytes", std::move(bytes)}}));
  }
  return groups;
}

// What the engine allocates for a sequence of N tokens: fixed + ceil(N / page_tokens) * page_bytes.
Json StateJson(const PlannedModel& model) {
  if (!model.engine) return nullptr;
  const arch::KvLayout layout(*model.engine, {});
  return Json::MakeObject({{"fixed_bytes", std::uint64_t{layout.fixed_bytes}},
                           {"page_tokens", std::uint64_t{arch::kPageTokens}},
                           {"page_bytes", std::uint64_t{layout.page_bytes}}});
}

}  // namespace

Json ModelJson(const PlannedModel& model) {
  const cost::CostModel& cost = model.cost;
  const double growth = cost::KvBytesPerToken(cost);
  const cost::Parameters parameters = cost::ParametersOf(cost);
  Json::Array notes;
  for (const std::string& note : cost.notes) notes.emplace_back(note);
  return Json::MakeObject(
      {{"key", model.key},
       {"name", cost.name},
       {"architecture", cost.architecture},
       {"layers", cost.layers},
       {"hidden_size", cost.hidden_size},
       {"vocab_size", cost.vocab_size},
       {"max_context", cost.max_context},
       {"experts", cost.experts},
       {"experts_per_token", cost.experts_per_token},
       {"parameters", Json::MakeObject({{"total", parameters.total},
                                        {"active", parameters.active},
                                        {"active_with_embedding", parameters.active_with_embedding},
                                        {"mtp", parameters.mtp}})},
       {"weight_bytes", cost::WeightBytes(cost)},
       {"kv_bytes_per_token", growth > 0 ? Json(growth) : Json()},
       {"kv_fixed_bytes", cost::KvFixedBytes(cost)},
       {"tail_bytes", cost.tail_bytes},
       {"state", StateJson(model)},
       {"weights", WeightsJson(cost)},
       {"kv", KvJson(cost)},
       {"notes", std::move(notes)}});
}

}  // namespace hadal::plan
