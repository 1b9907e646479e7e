#include "model/architecture.h"

#include "model/v4_block.h"

namespace hadal::model {

const Architecture& ArchitectureOf(const arch::Config& /*config*/) { return kV4Architecture; }

}  // namespace hadal::model
