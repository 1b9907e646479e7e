// Scripts that complete hadal's command lines in a shell, made from the program's own description
// of its commands.
#pragma once
#include <string>

#include "base/result.h"
#include "cli/command_line.h"

namespace hadal::cli {

// shell: "bash", "zsh" or "fish".
std::string CompletionScript(const CommandInfo& program, const std::string& shell);

}  // namespace hadal::cli
