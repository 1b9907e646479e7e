// What an evaluation measures besides the held-out loss, as config.probe asks for it. One line each
// in run_probes.csv: step,name,value.
//
//   gradients  gradient_norm.embed, .head, .0, .1, ... (layers), .mtp: Euclidean length of the
//              step's gradient, before it is clipped
//   residuals  residual_gain.forward, .backward, .largest: of the product P of all sub-layers'
//              residual mappings, the largest sum of |P| over what flows into one stream, and
//              out of one; means over held-out tokens, the largest of both. Doubly stochastic: 1
//   positions  loss_at.0, .64, .128, ...: nats a token at positions from there to the next, within
//              the part of a document that its row holds
//   rounding   heldout.float, heldout.fp4: nats a token with experts, indexer queries and keys in
//              float; with them in FP4. indexer_recall: of the entries chosen by float scores, the
//              share that is chosen by FP4 scores too, over tokens with more entries than topk
#pragma once
#include <string>
#include <vector>

#include "train/evaluate.h"
#include "train/train_state.h"

namespace hadal::train {

struct Measure {
  std::string name;
  double value = 0;
};

// Whether config.probe asks for anything.
bool ProbesAnything(const TrainConfig& config);

std::vector<Measure> GradientNorms(const NamedTensors& parameters);

// All but gradients; `rows` are computed at a time.
Result<std::vector<Measure>> ProbeHeldout(const TrainConfig& config, const HeldoutSet& heldout,
                                          BatchGradient& models, const StepPlan& plan,
                                          std::size_t rows);

struct ResidualGain {
  double forward = 0, backward = 0, largest = 0;  // means over tokens; the largest of any token
};
// mixes: of every sub-layer, [tokens, (2+n)*n].
ResidualGain GainOf(const std::vector<torch::Tensor>& mixes, std::int64_t streams);

// "step,name,value" lines, and the header above them.
inline constexpr char kProbeHeader[] = "step,name,value\n";
std::string ProbeLines(std::size_t step, const std::vector<Measure>& measures);

}  // namespace hadal::train
