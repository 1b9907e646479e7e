// In which form a sequence's state keeps entries and index keys, by architecture and numerics: the
// layout sizes them by it, the forward pass and whoever fills a state write and read them by it.
#pragma once
#include "arch/config.h"
#include "arch/numerics.h"
#include "kernels/entries.h"

namespace hadal::arch {

kernels::EntryFormat EntryFormatOf(const Config& config, const Numerics& numerics);
kernels::KeyFormat KeyFormatOf(const Config& config, const Numerics& numerics);

}  // namespace hadal::arch
