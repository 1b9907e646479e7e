// Removing a file, or a folder with all that is in it.
#pragma once

namespace hadal::io {

// Links are removed, not followed; what cannot be removed stays, without a word. By system calls
// alone, so that a signal handler may call it.
void RemoveTree(const char* path);

}  // namespace hadal::io
