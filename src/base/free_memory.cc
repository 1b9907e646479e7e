#include "base/free_memory.h"

#include <malloc.h>

namespace hadal {

void ReturnFreeMemory() { (void)::malloc_trim(0); }

// glibc raises both thresholds to once and twice the largest block that was freed, up to 32 and
// 64 MiB: a server whose threads had each freed a large body held 29 MB more than was in use. More
// than a thread takes and frees for one token lies below them, so that no token waits for pages.
void KeepLittleFree() {
  (void)::mallopt(M_MMAP_THRESHOLD, 4 << 20);
  (void)::mallopt(M_TRIM_THRESHOLD, 2 << 20);
}

}  // namespace hadal
