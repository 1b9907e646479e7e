// Everything a training run is told: one struct with its defaults, read from one TOML file.
//
// A relative path in the file is relative to the file's directory. docs of each key: the comment of
// its member; tools print the same list with `hadal-train --settings`.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hadal::train {

// A moment in the run. In the file: a whole number is a step, a number with a point is a fraction
// of all steps (0.5: half way), "never" is never.
struct Moment {
  enum class Kind { kStep, kFraction, kNever };
  Kind kind = Kind::kNever;
  double value = 0;

  // The first step (from 0) at or after the moment; never: past every step.
  std::size_t Step(std::size_t total_steps) const;
  static Moment AtStep(std::size_t step) { return {Kind::kStep, static_cast<double>(step)}; }
  static Moment AtFraction(double fraction) { return {Kind::kFraction, fraction}; }
  static Moment Never() { return {}; }
};

struct TrainConfig {
  std::size_t steps = 1000;    // optimizer steps of the whole run
  std::uint64_t seed = 1;      // of initial values, held-out split and order of the data
  std::string out;             // directory of logs, states and the finished model
  std::size_t threads = 0;     // 0: one for each core
  std::string device = "cpu";  // or "cuda", "cuda:N": with LibTorch's operators alone (plain.h)
  // What products round their inputs and results to, sums being float32 in any case: "bf16", "f32",
  // or "auto", bf16 on a CUDA device and where the processor has BF16 dot products. Weights, their
  // gradients' sums and the optimizers' state are float32 always.
  std::string precision = "auto";

  struct {
    std::string config;     // path of the model's config.json
    std::string tokenizer;  // directory with tokenizer.json
    std::string init;       // checkpoint directory to begin from; empty: random values
    double init_std = 0.006;
    std::string residual = "mhc";  // or, to compare: "hc", "plain" (residual.h)
  } model;
  struct {
    std::vector<std::string> train;    // text files, or directories of them
    std::vector<std::string> heldout;  // likewise; empty: a part of `train` is held out
    double heldout_fraction = 0.01;    // of the training text's bytes, in whole documents
    std::string separator;             // text between two documents; empty: a file is a document
    bool bos = true, eos = true;       // put BOS and EOS round each document
  } data;
  struct {
    std::size_t rows = 16;     // of one optimizer step
    std::size_t tokens = 256;  // in a row
    std::size_t shards = 2;    // parts of a batch computed apart, side by side on the processors
  } batch;
  struct {
    double peak = 1e-3, end = 1e-4;
    std::size_t warmup_steps = 100;
    Moment decay_start = Moment::AtFraction(0.7);
  } lr;
  struct {
    std::string matrices = "muon";  // or "adamw", which has all the rest in any case
    double weight_decay = 0.1, clip = 1.0;
    double muon_momentum = 0.95, muon_gamma = 0.18;
    std::size_t muon_steps = 10;    // Newton-Schulz iterations, in all
    std::size_t muon_settling = 2;  // of them, the last
    double adamw_beta1 = 0.9, adamw_beta2 = 0.95, adamw_eps = 1e-20;
  } optimizer;
  struct {
    double mtp = 0.3, mtp_decay = 0.1;  // the second from lr.decay_start on
    double balance = 1e-4, bias_speed = 1e-3, indexer = 1.0;
    // Weight of a token of a marked answer (text/answer_marks.h), beside 1 of one of a text without
    // marks.
    double answers = 1.0;
    // Over which entries the indexer's loss is taken while attention is sparse: "selected", as
    // published, or "visible", which also lowers the scores of entries that were not selected.
    std::string indexer_entries = "selected";
  } loss;
  struct {
    Moment warmup = Moment::AtFraction(0.5);   // from here the indexer learns; attention is dense
    Moment sparse = Moment::AtFraction(0.55);  // from here attention is sparse
    bool warmup_freezes_model = true;          // only the indexer learns between the two
  } stages;
  struct {
    Moment experts = Moment::AtFraction(0.8), linears = Moment::AtFraction(0.8);
    Moment kv = Moment::AtFraction(0.8), indexer = Moment::AtFraction(0.8);
  } quantize;  // from when a value passes through its stored format
  struct {
    std::size_t every = 200;     // steps
    std::size_t tokens = 65536;  // held-out tokens, at most
  } eval;
  struct {
    bool gradients = false, residuals = false, positions = false, rounding = false;
  } probe;  // what else each evaluation measures: probes.h
  struct {
    std::size_t every = 200;  // steps
    double minutes = 10;      // or this long after the last one; 0: by steps only
  } checkpoint;
  std::string export_format = "fp8_fp4";  // or "f32"
};

// Every setting as (dotted key, TOML value), in a fixed order; `key = value` lines read back the
// same.
using Settings = std::vector<std::pair<std::string, std::string>>;

// kInvalid: "FILE:LINE: key: found ..., expected ..."; kNotFound: no such file. Unknown keys are
// errors that name the nearest known one. Paths in the result are ready to open. `set` stands above
// what the file says.
Result<TrainConfig> ReadTrainConfig(const std::string& path, const Settings& set = {});
// The same from text; `name` stands for the file in errors, `directory` is where paths begin.
Result<TrainConfig> ParseTrainConfig(const std::string& text, const std::string& name,
                                     const std::string& directory, const Settings& set = {});

Settings ListSettings(const TrainConfig& config);
std::string SettingsText(const Settings& settings);

// The keys that decide what is learnt and differ between two runs, as "key was A, is now B". Keys
// that only say where, how often or with how many threads are left out; one that `before` lacks is
// taken to have been at its default, which a new setting gives to what was done without it.
std::vector<std::string> ChangedSettings(const Settings& before, const Settings& now);

}  // namespace hadal::train
