// Where the processor is of no kind that hadal has vector code for.
#include "machine/features.h"

namespace hadal::machine {

DotInstructions DetectDots() { return {}; }

}  // namespace hadal::machine
