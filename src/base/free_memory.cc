#include "base/free_memory.h"

#include <malloc.h>

namespace hadal {

void ReturnFreeMemory() { (void)::malloc_trim(0); }

}  // namespace hadal
