// What a checkpoint folder holds, added up: the work of `hadal inspect` before it is printed.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "arch/config.h"
#include "arch/inventory.h"
#include "base/json.h"
#include "base/result.h"
#include "io/checkpoint.h"

namespace hadal::cli {

struct TensorTotals {
  std::uint64_t tensors = 0, parameters = 0, bytes = 0;
};

struct TensorLine {
  std::string name, file;
  DType dtype = DType::kF32;
  std::vector<std::uint64_t> shape;
  std::uint64_t bytes = 0;
};

struct Inspection {
  std::string directory;
  std::size_t files = 0;
  std::optional<arch::Config> config;  // none: see problems
  TensorTotals all;
  std::array<TensorTotals, arch::kComponents> components;
  std::map<std::string, TensorTotals> dtypes;  // by their names
  std::vector<TensorLine> tensors;             // those whose name contains the filter, by name
  std::vector<std::string> problems;           // with the config, then with each tensor
  std::size_t unlisted_problems = 0;           // beyond the first of each
  std::vector<std::string> notes;              // what was passed over
};

// kNotFound, kCorrupt, kIo: the folder is no checkpoint. A config that hadal does not take and
// tensors that do not fit it are problems, not errors: the rest is still worth showing.
// verify: every number is read, those that are not finite are problems; quiet: without a progress
// line.
struct InspectionOptions {
  std::string filter = {};
  bool verify = false, quiet = false;
};
Result<Inspection> InspectCheckpoint(const std::string& directory,
                                     const InspectionOptions& options);

std::string InspectionText(const Inspection& inspection, bool list_tensors);
Json InspectionJson(const Inspection& inspection, bool list_tensors);

}  // namespace hadal::cli
