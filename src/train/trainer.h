// A training run: everything from the config to the finished model.
//
// Files in config.out:
//   settings.toml                what the run was told, every key
//   run_log.csv                  one line a step (run_log.h)
//   run_probes.csv               what else was measured, if anything (probes.h)
//   run_speed.csv                step, seconds since the program started, tokens per second,
//                                processor seconds of the step, all threads together
//   loss_plot.svg                the log as a picture
//   state-NNNNNNNN.safetensors   the last two states (train_state.h)
//   model/                       the finished model: config.json, model.safetensors, the tokenizer;
//                                of a residual other than mhc there is none
//
// A run stopped at any moment, by a kill too, goes on from its last state and ends with the same
// run_log.csv and the same model, bit for bit, given the same machine and shards, on the CPU. On
// other devices LibTorch's operators do not promise that.
#pragma once
#include <atomic>
#include <memory>
#include <string>

#include "base/result.h"
#include "train/train_config.h"

namespace hadal::train {

struct RunOptions {
  bool resume = false;         // from the newest state in config.out
  bool allow_changes = false;  // resume although settings that decide what is learnt differ
  bool quiet = false;          // no progress
};

struct RunSummary {
  std::size_t step = 0;
  bool finished = false;        // false: `stop` was set and a state saved, or the run diverged
  std::string diverged;         // what was found, if numbers were not finite
  std::size_t diverged_at = 0;  // the step of that
  double loss = 0, heldout_nats_per_token = 0, heldout_bits_per_byte = 0;
  double seconds_per_step = 0;  // mean of this program's steps, but for its first; without saving
  std::string model_directory;  // where the finished model is; empty: there is none
};

// Once *stop is set, the step in work is finished, a state is saved, and it returns.
Result<RunSummary> RunTraining(const TrainConfig& config, const RunOptions& options,
                               const std::atomic<bool>& stop);

// How many steps fit into `minutes`, saving and preparing apart: by a run of 20, with the config's
// stages at the same fractions, in a folder of its own beside config.out that is removed again.
// kCancelled: `stop` was set.
Result<std::size_t> StepsThatFit(const TrainConfig& config, double minutes,
                                 const std::atomic<bool>& stop);

// With precision "auto" replaced by what it is here, so that a state says how it was computed and a
// machine that would compute otherwise does not go on from it unasked.
TrainConfig WithPrecision(TrainConfig config);

// Writes the model of the newest state in config.out as a checkpoint directory. replace: over a
// model that is there; kInvalid without.
Status ExportNewestState(const TrainConfig& config, const std::string& directory, bool replace);

}  // namespace hadal::train
