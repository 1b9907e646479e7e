// The tokens a second that a model whose experts are read from disk can do here without guessing
// which: what a run of it is divided by.
//
//   decoding  a step takes its missed experts at the disk's rate and all its bytes at the memory's:
//             the larger of the two where reads are known ahead, their sum elsewhere
//             (cost/streamed.h, without guesses)
//   prompts   the larger of reading, once a chunk, every expert for which there is no room, and of
//             computing at the peaks of the instructions used
//
// The rates are those that the same run measured of the machine.
#pragma once
#include <cstdint>
#include <optional>

#include "cost/streamed.h"

namespace hadal::measure {

struct DecodeStep {
  std::uint64_t depth = 0, batch = 1;
  cost::ByRouting missed_bytes = {};  // read from disk for the step; of `outside` there are none
};
double DecodeBound(const cost::CostModel& cost, const DecodeStep& step, double memory_bytes_per_s,
                   double disk_bytes_per_s);

struct PromptRead {
  std::uint64_t tokens = 0, chunk_tokens = 1;
  double missed_bytes = 0;  // of the experts for which there is no room
  double peak_seconds = 0;  // of computing all of it
};
double PrefillBound(const PromptRead& prompt, double disk_bytes_per_s);

}  // namespace hadal::measure
