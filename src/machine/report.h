// A MachineReport as text and as JSON.
//
// {"processor", "threads", "threads_by", "ram_bytes", "available_bytes", "ram_by",
//  "last_cache_bytes", "features": [...], "buffer_bytes",
//  "read": [{"threads", "bytes_per_s", "min", "max"}],
//  "arithmetic": [{"op", "instruction", "threads", "ops_per_s", "min", "max"}],
//  "disk": {"folder", "bytes", "direct", "bytes_per_s", "depth", "block_bytes", "backend",
//    "trials": [{"depth", "block_bytes", "bytes_per_s"}]} or null,
//  "seconds"}
#pragma once
#include <string>

#include "base/json.h"
#include "machine/measure.h"

namespace hadal::machine {

Json ToJson(const MachineReport& report);
std::string ToText(const MachineReport& report);

}  // namespace hadal::machine
