// Files that are not what their name says, as incomplete downloads leave them.
#pragma once
#include <string>
#include <string_view>

namespace hadal {

// What a file that begins like this is instead, and what helps; empty: nothing known.
//   "a Git LFS pointer instead of the file itself; fetch it with `git lfs pull`"
std::string ForeignFile(std::string_view start);

}  // namespace hadal
