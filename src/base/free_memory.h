// Memory that the program has freed and its allocator still holds.
#pragma once

namespace hadal {

// Gives it back to the system. Takes milliseconds where there is much; any thread.
void ReturnFreeMemory();

}  // namespace hadal
