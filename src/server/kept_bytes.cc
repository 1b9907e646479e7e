#include "server/kept_bytes.h"

#include <algorithm>

namespace hadal::server {

KeptBytes ShareOfBudget(std::optional<std::uint64_t> ram_bytes, const Allowance& allowance) {
  const std::uint64_t budget = ram_bytes.value_or(allowance.available_bytes);  // 0: nobody says
  const auto share = [&](std::uint64_t most, std::uint64_t parts) {
    return static_cast<std::size_t>(budget > 0 ? std::min(budget / parts, most) : most);
  };
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  return {.answers = share(64 * kMiB, 16),
          .languages = share(32 * kMiB, 32),
          .turns = share(64 * kMiB, 32),
          .responses = share(64 * kMiB, 32),
          .bodies = share(64 * kMiB, 64),
          .body = share(16 * kMiB, 256)};
}

std::uint64_t ReadingBytes(std::uint64_t body_bytes, std::uint64_t most_text_bytes,
                           std::size_t readers) {
  return readers *
         (kReadingTimes * body_bytes + kTokenizingTimes * std::min(body_bytes, most_text_bytes));
}

}  // namespace hadal::server
