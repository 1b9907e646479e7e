// How often a checkpoint's experts were used, kept from one run to the next: a small JSON file.
//
//   {"format": "hadal-experts", "version": 1, "checkpoint": "0123456789abcdef",
//    "uses": [[layer 0's experts: uses, which age], ..]}
//
// It orders reads and what is held, never results. `checkpoint` is a digest of the weights and
// their config: a profile of another checkpoint is an error, and is not used.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace hadal::model {

using ExpertUses = std::vector<std::vector<float>>;  // [layer][expert]

// kNotFound. kInvalid: of another checkpoint. kCorrupt: no such file, or not in this shape, which
// is that of `shape`.
Result<ExpertUses> ReadExpertProfile(const std::string& path, std::uint64_t checkpoint,
                                     const ExpertUses& shape);
// Whatever checkpoint it is of, and of any shape.
Result<ExpertUses> ReadExpertUses(const std::string& path);
Status WriteExpertProfile(const std::string& path, std::uint64_t checkpoint,
                          const ExpertUses& uses);

}  // namespace hadal::model
