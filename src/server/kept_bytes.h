// How the server shares out the memory that it has beside the engine's: of answers that are not
// sent yet, of languages that answers must obey, of turns with calls, of conversations that clients
// go on from by id, of requests' bodies, and of what is made of those.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/allowance.h"

namespace hadal::server {

struct KeptBytes {
  std::size_t answers = 0, languages = 0, turns = 0, responses = 0;
  std::size_t bodies = 0;  // of requests that are not answered yet
  std::size_t body = 0;    // the largest of them, where nobody says otherwise
  std::size_t total() const { return answers + languages + turns + responses + bodies; }
};

// Of a budget (--ram) a part, 11 of 64 in all; without one of what this process can have. At most
// 64 MiB each, of languages 32; a body has a quarter of the bodies'.
KeptBytes ShareOfBudget(std::optional<std::uint64_t> ram_bytes,
                        const Allowance& allowance = ReadAllowance());

// A body comes to several times its bytes while it is read: the JSON, the messages, the prompt.
// Measured as the growth of a server's memory by bodies of 1 to 16 MB; of numbers and brackets
// ParseBody takes no more than fit.
inline constexpr std::size_t kReadingTimes = 6;
inline constexpr std::size_t kValueBytes = 96;  // of a value in JSON, a list that grows included
// Text is taken apart into tokens: symbols, pairs and ids of a byte (text/bpe.h).
inline constexpr std::size_t kTokenizingTimes = 24;

// Of so many readers at once. What cannot fit into the context by its length alone
// (`most_text_bytes`) is not taken apart.
std::uint64_t ReadingBytes(std::uint64_t body_bytes, std::uint64_t most_text_bytes,
                           std::size_t readers);

}  // namespace hadal::server
