// Says in the log what prefixes were worth, and warns when texts begin like earlier ones again and
// again and nearly nothing of them is gone on from: a cache that never hits looks like a slow
// model. Belongs to the loop's thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "cache/prefix_use.h"

namespace hadal::server {

// " known=512 miss=differs", for a line of the log; empty: no prefix was looked for.
std::string PrefixLine(const cache::PrefixUse& use);

class PrefixWatch {
 public:
  static constexpr std::size_t kInARow = 8;
  static constexpr std::uint64_t kLongText = 1024, kLongPrefix = 256, kAlike = 16;  // tokens

  // A line to warn with, at every kInARow such requests in a row.
  std::optional<std::string> Saw(const cache::PrefixUse& use);

 private:
  std::size_t lost_ = 0, early_ = 0;  // requests in a row
};

}  // namespace hadal::server
