// The two ways of printing an Inspection: tables for people, JSON for programs.
#include <algorithm>
#include <filesystem>

#include "base/table.h"
#include "base/units.h"
#include "cli/inspection.h"

namespace hadal::cli {
namespace {

std::string Share(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "-";
  return fmt::format("{:.1f}%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

// "284.33 B": thousands, millions, billions.
std::string ShortCount(std::uint64_t n) {
  const auto value = static_cast<double>(n);
  if (n < 100'000) return FormatCount(n);
  if (n < 1'000'000'000) return fmt::format("{:.2f} M", value / 1e6);
  return fmt::format("{:.2f} B", value / 1e9);
}

std::size_t LayersOf(const arch::Config& c, std::size_t ratio) {
  const auto end = c.compress_ratios.begin() + static_cast<std::ptrdiff_t>(c.num_hidden_layers);
  return static_cast<std::size_t>(std::count(c.compress_ratios.begin(), end, ratio));
}

using Line = std::pair<const char*, std::string>;  // title, text

std::vector<Line> V32Lines(const arch::Config& c) {
  return {
      {"layers",
       fmt::format("{} + {} MTP: the first {} dense, latent attention in all", c.num_hidden_layers,
                   c.num_nextn_predict_layers, c.first_k_dense_replace)},
      {"width", fmt::format("{}, vocabulary {}", c.hidden_size, FormatCount(c.vocab_size))},
      {"attention", fmt::format("{} heads of {} + {} rotary, values of {}, q rank {}, latent {}",
                                c.num_attention_heads, c.qk_nope_head_dim, c.qk_rope_head_dim,
                                c.v_head_dim, c.q_lora_rank, c.kv_lora_rank)},
      {"indexer",
       fmt::format("{} heads of {}, top {}", c.index_n_heads, c.index_head_dim, c.index_topk)},
      {"experts", fmt::format("{} of {} in {} of {} groups + {} shared, inner {}, dense inner {}",
                              c.num_experts_per_tok, c.n_routed_experts, c.topk_group, c.n_group,
                              c.n_shared_experts, c.moe_intermediate_size, c.intermediate_size)}};
}

std::vector<Line> V4Lines(const arch::Config& c) {
  std::vector<Line> lines;
  const auto line = [&](const char* title, const std::string& text) {
    lines.emplace_back(title, text);
  };
  line("layers", fmt::format("{} + {} MTP: {} window only, {} of ratio 4, {} of ratio 128",
                             c.num_hidden_layers, c.num_nextn_predict_layers, LayersOf(c, 0),
                             LayersOf(c, arch::kCsaRatio), LayersOf(c, arch::kHcaRatio)));
  line("width", fmt::format("{} in {} streams, vocabulary {}", c.hidden_size, c.hc_mult,
                            FormatCount(c.vocab_size)));
  line("attention",
       fmt::format("{} heads of {} ({} rotary), q rank {}, {} output groups of rank {}, window {}",
                   c.num_attention_heads, c.head_dim, c.qk_rope_head_dim, c.q_lora_rank, c.o_groups,
                   c.o_lora_rank, c.sliding_window));
  line("indexer",
       fmt::format("{} heads of {}, top {}", c.index_n_heads, c.index_head_dim, c.index_topk));
  line("experts",
       fmt::format("{} of {} + 1 shared, inner {}, {} hash-routed layers", c.num_experts_per_tok,
                   c.n_routed_experts, c.moe_intermediate_size, c.num_hash_layers));
  return lines;
}

std::string ConfigText(const arch::Config& c) {
  std::string out;
  const auto line = [&](const char* title, const std::string& text) {
    out += fmt::format("  {:<12}{}\n", title, text);
  };
  const bool v32 = c.architecture == arch::Architecture::kV32;
  for (const auto& [title, text] : v32 ? V32Lines(c) : V4Lines(c)) line(title, text);
  line("context", fmt::format("{} tokens", FormatCount(c.max_position_embeddings)));
  const arch::ParameterCount count = arch::CountParameters(c);
  line("parameters",
       fmt::format("{}, {} active for a token, {} more in MTP", ShortCount(count.total),
                   ShortCount(count.active), ShortCount(count.mtp)));
  return out;
}

std::string ComponentTable(const Inspection& inspection) {
  Table table({"component", ">tensors", ">parameters", ">bytes", ">share"});
  for (std::size_t i = 0; i < arch::kComponents; ++i) {
    const TensorTotals& totals = inspection.components[i];
    if (totals.tensors == 0) continue;
    table.Row({arch::ComponentName(static_cast<arch::Component>(i)), FormatCount(totals.tensors),
               FormatCount(totals.parameters), FormatBytes(totals.bytes),
               Share(totals.bytes, inspection.all.bytes)});
  }
  table.Row({"all", FormatCount(inspection.all.tensors), FormatCount(inspection.all.parameters),
             FormatBytes(inspection.all.bytes), Share(inspection.all.bytes, inspection.all.bytes)});
  return table.Text();
}

std::string DTypeTable(const Inspection& inspection) {
  Table table({"dtype", ">tensors", ">bytes", ">share"});
  for (const auto& [name, totals] : inspection.dtypes)
    table.Row({name, FormatCount(totals.tensors), FormatBytes(totals.bytes),
               Share(totals.bytes, inspection.all.bytes)});
  return table.Text();
}

// A name from a file, fit for a terminal: escaped where it is not plain.
std::string Plain(const std::string& name) {
  const std::string quoted = Json(name).Dump();
  return quoted.size() == name.size() + 2 ? name : quoted;
}

std::string TensorTable(const Inspection& inspection) {
  Table table({"tensor", "dtype", "shape", ">bytes", "file"});
  for (const TensorLine& tensor : inspection.tensors)
    table.Row({Plain(tensor.name), std::string(DTypeName(tensor.dtype)),
               io::FormatShape(tensor.shape), FormatCount(tensor.bytes),
               std::filesystem::path(tensor.file).filename().string()});
  return table.Text();
}

Json TotalsJson(const char* key, std::string name, const TensorTotals& totals) {
  return Json::MakeObject({{key, std::move(name)},
                           {"tensors", totals.tensors},
                           {"parameters", totals.parameters},
                           {"bytes", totals.bytes}});
}

Json TensorsJson(const Inspection& inspection) {
  Json::Array list;
  for (const TensorLine& tensor : inspection.tensors) {
    Json::Array shape;
    for (const std::uint64_t dimension : tensor.shape) shape.emplace_back(dimension);
    list.push_back(Json::MakeObject({{"name", tensor.name},
                                     {"dtype", DTypeName(tensor.dtype)},
                                     {"shape", std::move(shape)},
                                     {"bytes", tensor.bytes},
                                     {"file", tensor.file}}));
  }
  return list;
}

}  // namespace

std::string InspectionText(const Inspection& inspection, bool list_tensors) {
  std::string out;
  if (list_tensors)
    out += (inspection.tensors.empty() ? "no tensor has this in its name\n"
                                       : TensorTable(inspection)) +
           "\n";
  out += fmt::format("{}: {} tensors, {} in {} file{}\n", inspection.directory,
                     FormatCount(inspection.all.tensors), FormatBytes(inspection.all.bytes),
                     inspection.files, inspection.files == 1 ? "" : "s");
  if (inspection.config) out += ConfigText(*inspection.config);
  out += "\n" + ComponentTable(inspection) + "\n" + DTypeTable(inspection);
  for (const std::string& note : inspection.notes) out += "\nnote: " + note + "\n";
  if (inspection.problems.empty())
    return out + "\nEvery tensor that config.json calls for is there.\n";
  out += "\nproblems:\n";
  for (const std::string& problem : inspection.problems) out += "  " + problem + "\n";
  if (inspection.unlisted_problems > 0)
    out += fmt::format("  and {} more\n", FormatCount(inspection.unlisted_problems));
  return out;
}

Json InspectionJson(const Inspection& inspection, bool list_tensors) {
  Json::Array components, dtypes, problems, notes;
  for (std::size_t i = 0; i < arch::kComponents; ++i)
    if (inspection.components[i].tensors > 0) {
      components.push_back(TotalsJson("component",
                                      arch::ComponentName(static_cast<arch::Component>(i)),
                                      inspection.components[i]));
    }
  for (const auto& [name, totals] : inspection.dtypes)
    dtypes.push_back(TotalsJson("dtype", name, totals));
  for (const std::string& problem : inspection.problems) problems.emplace_back(problem);
  Json json;
  json.Set("directory", inspection.directory);
  json.Set("files", std::uint64_t{inspection.files});
  json.Set("tensors", inspection.all.tensors);
  json.Set("bytes", inspection.all.bytes);
  if (inspection.config) {
    const arch::ParameterCount count = arch::CountParameters(*inspection.config);
    json.Set(
        "parameters",
        Json::MakeObject({{"total", count.total}, {"active", count.active}, {"mtp", count.mtp}}));
    json.Set("config", arch::ConfigToJson(*inspection.config, false));
  }
  json.Set("components", std::move(components));
  json.Set("dtypes", std::move(dtypes));
  for (const std::string& note : inspection.notes) notes.emplace_back(note);
  json.Set("notes", std::move(notes));
  json.Set("problems", std::move(problems));
  json.Set("unlisted_problems", std::uint64_t{inspection.unlisted_problems});
  if (list_tensors) json.Set("tensor_list", TensorsJson(inspection));
  return json;
}

}  // namespace hadal::cli
