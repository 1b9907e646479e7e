// The flags that say who guesses the tokens that come next, and how many (engine/speculation.h).
#pragma once
#include <cstddef>
#include <optional>
#include <string>

#include "cli/command_line.h"
#include "engine/speculation.h"

namespace hadal::cli {

struct SpeculateFlags {
  std::string mode = engine::DraftingName(engine::SpeculateOptions().drafting);
  std::optional<std::size_t> depth = {};
};

void AddSpeculateFlags(Command command, SpeculateFlags* flags);
engine::SpeculateOptions SpeculateWith(const SpeculateFlags& flags);

}  // namespace hadal::cli
