// --experts and --experts-profile: where routed experts are while a model runs, for the commands
// that run one.
#pragma once
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "cli/command_line.h"
#include "engine/model_files.h"

namespace hadal::cli {

struct ExpertFlags {
  std::string from = "auto";  // mapped, disk or auto
  std::string profile = {};
};

void AddExpertsFrom(Command app, std::string* from);  // --experts alone
// --experts-profile alone; `otherwise`: what goes without it.
void AddExpertsProfile(Command app, std::string* profile, const std::string& otherwise);
void AddExpertFlags(Command app, ExpertFlags* flags);  // both

// For engine::OpenModel: with a progress line while weights are read into memory, unless quiet;
// `cancel` ends that.
engine::OpenOptions OpenWith(const ExpertFlags& flags,
                             const std::optional<std::uint64_t>& ram_bytes,
                             const std::atomic<bool>& cancel, bool quiet);

}  // namespace hadal::cli
