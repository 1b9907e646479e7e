// The work of `hadal inspect`: what a checkpoint folder holds.
#pragma once
#include <ostream>
#include <string>

#include "base/result.h"

namespace hadal::cli {

struct InspectOptions {
  std::string directory = {};
  std::string filter = {};  // only tensors whose name contains this; implies tensors
  bool tensors = false;     // a line for each tensor
  bool verify = false;      // read every number
  bool quiet = false;       // no progress line
  bool json = false;
};

// kCancelled: asked to stop while verifying. kCorrupt: what was found is printed, but it is not a
// checkpoint that hadal can run.
Status Inspect(const InspectOptions& options, std::ostream& out);

}  // namespace hadal::cli
