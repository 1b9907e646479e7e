// How the server shares out the memory that it keeps beside the engine's: of answers that are not
// sent yet, of languages that answers must obey, of turns with calls, of conversations that clients
// go on from by id.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/allowance.h"

namespace hadal::server {

struct KeptBytes {
  std::size_t answers = 0, languages = 0, turns = 0, responses = 0;
  std::size_t total() const { return answers + languages + turns + responses; }
};

// Of a budget (--ram) a part, 5 of 32 in all; without one of what this process can have. At most 64
// MiB each, of languages 32.
KeptBytes ShareOfBudget(std::optional<std::uint64_t> ram_bytes,
                        const Allowance& allowance = ReadAllowance());

}  // namespace hadal::server
