#include "engine/model_files.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/allowance.h"
#include "base/progress.h"
#include "base/units.h"
#include "engine/footprint.h"
#include "io/checkpoint_files.h"
#include "io/disk_tuning.h"
#include "model/disk_experts.h"

namespace hadal::engine {
namespace {

// 0: there is none; opening says so.
std::uint64_t WeightFileBytes(const std::string& directory) {
  const auto files = io::ListWeightFiles(directory);
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; files.ok() && i < files->size(); ++i) {
    std::error_code error;
    const std::uintmax_t size =
        std::filesystem::file_size(io::InFolder(directory, (*files)[i]), error);
    if (!error) bytes += size;
  }
  return bytes;
}

}  // namespace

std::string ProgramFolder() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string(".") : path.parent_path().string();
}

Result<std::string> EmbeddedModel() {
  if (const char* directory = std::getenv("HADAL_MODEL");
      directory != nullptr && *directory != '\0')
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

bool IsEmbeddedModel(const std::string& directory) {
  if (directory.empty()) return true;
  const auto embedded = EmbeddedModel();
  std::error_code error;
  return embedded.ok() && std::filesystem::equivalent(directory, *embedded, error);
}

Result<io::Checkpoint> OpenCheckpoint(const std::string& directory, const OpenOptions& options) {
  const Allowance allowance = ReadAllowance();
  // Rather too little: what else is to be resident is known later, and checked then.
  const std::uint64_t available =
      allowance.available_bytes - allowance.available_bytes / kReservedShare;
  const std::uint64_t most = options.ram_bytes.value_or(available);
  const bool known = options.ram_bytes || allowance.available_bytes > 0;
  const bool disk = options.experts == ExpertsFrom::kDisk ||
                    (options.experts == ExpertsFrom::kAuto && known &&
                     WeightFileBytes(directory) > most - most / kReservedShare);
  if (!disk) return io::Checkpoint::Open(directory);
  io::ReadingOptions reading{.tuning = io::TuningFor(directory),
                             .on_progress = options.on_reading,
                             .cancel = options.cancel};
  if (known) {
    const std::uint64_t taken = AnonymousResidentBytes();
    reading.most_bytes = options.ram_bytes ? most - std::min(most, taken) : most;
    if (options.ram_bytes)
      reading.most_note = fmt::format(
          " of the budget's {}; experts and a context come on top: what they take is shown by "
          "hadal plan fit {} --machine this",
          FormatBytes(most), directory);
  }
  return io::Checkpoint::OpenUnmapped(directory, model::DenseWeights(reading));
}

Result<ModelFiles> OpenModel(const std::string& directory, const OpenOptions& options) {
  std::string place = directory;
  if (place.empty()) {
    HADAL_TRY(place, EmbeddedModel());
  }
  HADAL_TRY(io::Checkpoint checkpoint, OpenCheckpoint(place, options));
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
