// The work of `hadal synth`: a random checkpoint.
#pragma once
#include <ostream>
#include <string>

#include "arch/shapes.h"
#include "base/result.h"

namespace hadal::cli {

struct SynthCommand {
  std::string out = {};
  std::string shape = "flash";  // flash, pro, v3.2, or a config.json
  arch::ShapeChanges changes = {};
  std::uint64_t seed = 1;
  double skew = 0;          // of the choice of experts; convert/expert_skew.h
  std::size_t threads = 0;  // 0: one for each core
  bool force = false;       // replace a model at `out`
  bool quiet = false;
  bool json = false;
};

// kInvalid: the shape is not known, or what was changed makes no model.
Result<arch::Config> SynthShape(const SynthCommand& command);
Status Synth(const SynthCommand& command, std::ostream& out);

}  // namespace hadal::cli
