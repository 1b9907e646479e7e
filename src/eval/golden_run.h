// One pass of the engine over a golden case: the prompt in chunks, then the forced tokens one at a
// time, with the MTP block beside it; everything that the case has an expectation for is kept.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "eval/golden_case.h"
#include "model/forward.h"

namespace hadal::eval {

// C CSA layers and L layers over S + T positions; the other letters as in golden_case.h.
struct GoldenRun {
  std::vector<float> prefill_logits;  // [Q, V]
  std::vector<float> decode_logits;   // [T, V]
  std::vector<float> mtp_prefill;  // [R, V]: MTP positions S-1-R .. S-2; empty without an MTP block
  std::vector<float> mtp_decode;   // [T, V]
  std::vector<float> hidden;       // [L+1, P, stream]
  std::vector<std::uint32_t> gate_ids;                 // [L, S+T, k], ascending
  std::vector<float> gate_weights;                     // [L, S+T, k], in the order of gate_ids
  std::vector<std::vector<std::uint32_t>> selections;  // [C * (S+T)], ascending
};

struct GoldenRunOptions {
  arch::Numerics numerics;
  std::size_t mtp_tail = 0;  // R; at most S - 1
  std::vector<std::size_t> chunks =
      {};  // lengths of the prompt's chunks, in turn, each in 1..1024;
           // empty: as long as can be
};

Result<GoldenRun> RunGoldenCase(const model::Model& model, const GoldenCase& golden,
                                const GoldenRunOptions& options, Threads& threads);

// Every layer on its own, fed with the expected streams before it: the streams after it, [L, N,
// stream].
Result<std::vector<float>> RunGoldenLayers(const model::Model& model,
                                           std::span<const std::int32_t> tokens,
                                           std::span<const float> layer_io,
                                           const arch::Numerics& numerics, Threads& threads);

}  // namespace hadal::eval
