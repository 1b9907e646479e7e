// Memory that the program has freed and its allocator still holds.
#pragma once

namespace hadal {

// Gives it back to the system, but for the ends of heaps of threads, which no thread can have
// returned. Takes milliseconds where there is much; any thread.
void ReturnFreeMemory();

// From now on such an end is given back by itself once it is large, and large blocks when they are
// freed. Of the whole process, as early as can be.
void KeepLittleFree();

}  // namespace hadal
