// Where models are found and how commands open them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/generation_config.h"
#include "model/weights.h"
#include "text/tokenizer.h"

namespace hadal::engine {

std::string ProgramFolder();  // of the running executable, without a final slash

// The model to use when no -m is given: $HADAL_MODEL, else models/embedded beside the build folder
// or in the installation (../share/hadal/models/embedded). kNotFound says where it looked.
Result<std::string> EmbeddedModel();

struct ModelFiles {
  std::string directory;
  model::Model model;
  text::Tokenizer tokenizer;
  GenerationConfig generation;
  std::vector<std::int32_t>
      eos_ids;  // of config.json and of generation_config.json: all end a text
};

// directory empty: the embedded model.
Result<ModelFiles> OpenModel(const std::string& directory);

}  // namespace hadal::engine
