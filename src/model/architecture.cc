#include "model/architecture.h"

#include "base/check.h"
#include "model/v32_block.h"
#include "model/v4_block.h"

namespace hadal::model {

const Architecture& ArchitectureOf(const arch::Config& config) {
  switch (config.architecture) {
    case arch::Architecture::kV4:
      return kV4Architecture;
    case arch::Architecture::kV32:
      return kV32Architecture;
  }
  HADAL_CHECK(false);
}

}  // namespace hadal::model
