// Where what a program learnt on a machine lies between its runs.
#pragma once
#include <string>
#include <string_view>

namespace hadal {

// $XDG_STATE_HOME/hadal/NAME, by default below ~/.local/state; empty: no home. Its folder need not
// be there yet.
std::string StateFile(std::string_view name);

}  // namespace hadal
