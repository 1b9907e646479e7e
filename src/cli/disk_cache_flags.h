// --cache-dir and --cache-disk: where states of texts outlive a run, for the commands that keep
// them.
#pragma once
#include <atomic>

#include "cli/command_line.h"
#include "engine/disk_cache.h"

namespace hadal::cli {

void AddDiskCacheFlags(Command app, engine::DiskCacheOptions* options);

// With a progress line while weights are read for their digest.
engine::DiskCacheOptions DiskCacheWith(const engine::DiskCacheOptions& flags,
                                       const std::atomic<bool>& cancel);

}  // namespace hadal::cli
