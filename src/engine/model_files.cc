#include "engine/model_files.h"

#include <cstdlib>
#include <filesystem>

namespace hadal::engine {

std::string ProgramFolder() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string(".") : path.parent_path().string();
}

Result<std::string> EmbeddedModel() {
  if (const char* directory = std::getenv("HADAL_MODEL"); directory != nullptr)
    return std::string(directory);
  const std::filesystem::path here = ProgramFolder();
  std::string looked;
  // The program is in build/ or build/<preset>/, or in an installation's bin/.
  for (const char* place :
       {"../models/embedded", "../../models/embedded", "../../../models/embedded",
        "../../../../models/embedded", "../share/hadal/models/embedded"}) {
    const std::filesystem::path directory = (here / place).lexically_normal();
    std::error_code error;
    if (std::filesystem::exists(directory / "config.json", error)) return directory.string();
    looked += "\n  " + directory.string();
  }
  return Fail(Code::kNotFound,
              "no embedded model; name one with -m DIR or HADAL_MODEL. Looked in:{}", looked);
}

Result<ModelFiles> OpenModel(const std::string& directory) {
  std::string place = directory;
  if (place.empty()) {
    HADAL_TRY(place, EmbeddedModel());
  }
  HADAL_TRY(io::Checkpoint checkpoint, io::Checkpoint::Open(place));
  HADAL_TRY(text::Tokenizer tokenizer, text::Tokenizer::Open(place));
  HADAL_TRY(model::Model model, model::Model::Load(std::move(checkpoint)));
  HADAL_TRY(GenerationConfig generation, ReadGenerationConfig(place, model.config.vocab_size));
  std::vector<std::int32_t> eos_ids = generation.eos_ids;
  for (const std::size_t id : model.config.eos_token_id)
    eos_ids.push_back(static_cast<std::int32_t>(id));
  return ModelFiles{place, std::move(model), std::move(tokenizer), std::move(generation),
                    std::move(eos_ids)};
}

}  // namespace hadal::engine
