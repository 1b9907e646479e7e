// A model to plan for: its costs, and for the models that the engine runs, what it allocates.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arch/config.h"
#include "base/json.h"
#include "base/result.h"
#include "cost/cost_model.h"

namespace hadal::plan {

inline constexpr std::uint64_t kMostTokens = std::uint64_t{1} << 30;  // of a context

struct PlannedModel {
  std::string key = {};  // what the user wrote
  cost::CostModel cost = {};
  std::optional<arch::Config> engine = {};  // there is one, and the config says what it needs
  bool contradicts = false;                 // a folder's tensors are not those of its config

  // Whether rates of the engine's kernels give its times: of V4's products.
  bool has_rates() const { return engine && engine->architecture == arch::Architecture::kV4; }
  // Memory of one sequence of `tokens`: what the engine allocates for its models with published
  // entries (whole pages of 128 tokens, windows, tails, the MTP block's window), KvBytes and tails
  // otherwise. fixed + ceil(tokens / page_tokens) * page_bytes, where page_tokens is not 0.
  std::uint64_t StateBytes(std::uint64_t tokens, cost::KvFormat format) const;
  // Of the engine, if there is one; 0 otherwise, which the plan then says.
  std::uint64_t ScratchBytes(std::size_t rows, std::size_t threads) const;
};

// A preset's name, or a path. kNotFound: lists the presets.
Result<PlannedModel> FindModel(const std::string& name);
// A config.json, counted as it and a hf_quant_config.json beside it say; or a checkpoint folder,
// whose weights are then the bytes that its tensors take (plan/folder_weights.h).
Result<PlannedModel> ModelFromPath(const std::string& path);
// What was derived and not said by the configs, a line each: "<name>: <note>".
std::vector<std::string> ModelNotes(const std::vector<PlannedModel>& models);
// What is not exact of the figures, to follow "... is exact": empty, or ", but ...".
std::string NotExact(const std::vector<PlannedModel>& models);
Result<std::vector<PlannedModel>> FindModels(const std::vector<std::string>& names);

// Everything that the formulas of cost/cost_model.h need, for programs in other languages. Keys are
// stable; docs/plan.md lists them.
Json ModelJson(const PlannedModel& model);

// The number of tokens that "4K", "1M" or "1000000" means: 1 to kMostTokens. The error names the
// flag.
Result<std::uint64_t> ContextFlag(const std::string& flag, const std::string& text);
// "4K..1M": doubling; "4K,64K,1000000": these. Ascending, at least one, each at least 1.
Result<std::vector<std::uint64_t>> ContextsFlag(const std::string& flag, const std::string& text);

}  // namespace hadal::plan
