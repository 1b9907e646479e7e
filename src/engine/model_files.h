// Where models are found and how commands open them.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/generation_config.h"
#include "io/checkpoint.h"
#include "model/weights.h"
#include "text/tokenizer.h"

namespace hadal::engine {

std::string ProgramFolder();  // of the running executable, without a final slash

// The model to use when no -m is given: $HADAL_MODEL, else models/embedded beside the build folder
// or in the installation (../share/hadal/models/embedded). kNotFound says where it looked.
Result<std::string> EmbeddedModel();

// Whether that is the model of this directory, however it is called; empty: it is. Of such a small
// model, which may not find an end and has learnt little reasoning, answers have other defaults.
bool IsEmbeddedModel(const std::string& directory);

struct ModelFiles {
  std::string directory;
  model::Model model;
  text::Tokenizer tokenizer;
  GenerationConfig generation;
  std::vector<std::int32_t>
      eos_ids;  // of config.json and of generation_config.json: all end a text
};

// Where routed experts are while the model runs.
enum class ExpertsFrom : std::uint8_t {
  kMapped,  // the files are mapped whole
  kDisk,    // nothing is mapped: the other weights are in memory, experts are read when wanted
  kAuto,    // the second, if the weights are more than may be in memory
};

struct OpenOptions {
  ExpertsFrom experts = ExpertsFrom::kMapped;
  std::optional<std::uint64_t> ram_bytes = {};  // none: what this process may have
  // While weights are read into memory. May be empty.
  std::function<void(std::uint64_t done_bytes, std::uint64_t all_bytes)> on_reading = {};
  const std::atomic<bool>* cancel = nullptr;
};

// directory empty: the embedded model. kExhausted: the weights that stay in memory are more than
// may be, before they are read. kCancelled.
Result<ModelFiles> OpenModel(const std::string& directory, const OpenOptions& options = {});

// The checkpoint alone, likewise.
Result<io::Checkpoint> OpenCheckpoint(const std::string& directory, const OpenOptions& options);

}  // namespace hadal::engine
