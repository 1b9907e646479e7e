// Files that a command writes under names of its own choosing, into a folder that it was given:
// what lies there already is somebody's, and is replaced only when that is asked for. A file that
// the user has named is replaced, as everywhere.
#pragma once
#include <span>
#include <string>

#include "base/result.h"
#include "cli/command_line.h"

namespace hadal::cli {

// kInvalid: there is something at one of the paths, and `force` is not given. For all of them
// before the first is written.
Status CheckFree(std::span<const std::string> paths, bool force);

void AddForce(Command command, bool* force);  // --force

}  // namespace hadal::cli
