// All of a run at one step, in one safetensors file: model, optimizers, place in the data and in
// the log. A run continued from it computes what the undisturbed one would have.
//
// File: tensors of any name, F32 or I64; metadata: "format" "hadal-train-state", "version" "1", and
// the members of StateInfo as decimal numbers or text; "probe_bytes" may be missing, for none.
#pragma once
#include <torch/torch.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "train/data.h"
#include "train/train_config.h"

namespace hadal::train {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

struct StateInfo {
  std::size_t step = 0;                // steps done
  DataStream::Position position;       // of the next row
  std::uint64_t log_bytes = 0;         // of run_log.csv at that step
  std::uint64_t probe_bytes = 0;       // of run_probes.csv; 0: there is none
  std::uint64_t data_fingerprint = 0;  // of the training tokens
  std::string settings;                // SettingsText
  std::string model;                   // config.json of the model
};

// Atomic. Tensors are float32 or int64, on any device.
Status SaveState(const std::string& path, const NamedTensors& tensors, const StateInfo& info);

// kNotFound, kCorrupt, kUnsupported (another version).
Result<StateInfo> ReadStateInfo(const std::string& path);

// Copies the file's tensors into `tensors`. kCorrupt: one is missing or has another shape or type.
// With `all` a tensor of the file that was not asked for is an error too.
Status LoadState(const std::string& path, const NamedTensors& tensors, bool all);

// state-00001200.safetensors in a directory.
std::string StatePath(const std::string& directory, std::size_t step);
// The states in a directory, the newest first. Empty if there is no such directory.
std::vector<std::string> ListStates(const std::string& directory);
// Removes all but the newest `keep` states, and the half-written ones of trainers that were killed.
void RemoveOldStates(const std::string& directory, std::size_t keep);

// What SettingsText printed.
Settings ParseSettings(const std::string& text);

}  // namespace hadal::train
