// What answers may come to in memory, known before they are begun: of texts the plan of the engine
// has room (engine/footprint.h), of tokens that are kept to be told at the end, with their
// log-probabilities, it has not. Answers that are told as they come keep none.
#pragma once
#include <cstddef>
#include <cstdint>

#include "server/generation.h"

namespace hadal::server {

// Of a token, and of each of its log-probabilities, the chosen one's too: as they are kept, and as
// the JSON that is made of them in one piece, in which most of it lies. Measured, as the growth of
// a server's memory by 24,000 tokens with 20 alternatives: 880 bytes for each of 504,000.
inline constexpr std::uint64_t kKeptTokenBytes = 256, kKeptLogprobBytes = 1024;

// At most, of all runs together; 0: nothing is kept.
std::uint64_t AnswerBytes(const Generation& generation);

// Makes answers whose length nobody gave so short that they come to no more; where they have one
// that nobody asked for, from here or from the server, reasoning may have half of it.
void FitAnswers(std::uint64_t most_bytes, Generation* generation);

}  // namespace hadal::server
