// The work of `hadal quantize`: a checkpoint in another format.
#pragma once
#include <ostream>
#include <string>

#include "base/result.h"

namespace hadal::cli {

struct QuantizeCommand {
  std::string in = {}, out = {};
  std::string to = "published";  // published, f32, bf16
  bool force = false;            // replace a model at `out`
  bool quiet = false;
  bool json = false;
};

Status Quantize(const QuantizeCommand& command, std::ostream& out);

}  // namespace hadal::cli
