#include "base/state_file.h"

#include <fmt/format.h>

#include <cstdlib>

namespace hadal {

std::string StateFile(std::string_view name) {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state != '\0') return fmt::format("{}/hadal/{}", state, name);
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') return {};
  return fmt::format("{}/.local/state/hadal/{}", home, name);
}

}  // namespace hadal
