// Pages of the manual in roff, made from the program's own description of its commands: hadal(1)
// and one for each command below it, hadal-plan-show(1).
// Source: groff_man(7).
#pragma once
#include <string>
#include <vector>

#include "cli/command_line.h"

namespace hadal::cli {

struct ManPage {
  std::string file;  // "hadal-plan-show.1"
  std::string text;
};

// In the order in which the program names its commands, itself first.
std::vector<ManPage> ManPages(const CommandInfo& program, const std::string& version);

}  // namespace hadal::cli
