#include "cli/inspection.h"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include "convert/stored_tensor.h"

namespace hadal::cli {
namespace {

using arch::TensorSpec;

constexpr std::size_t kMaxProblems = 20;

void AddProblem(Inspection& inspection, std::string what) {
  if (inspection.problems.size() < kMaxProblems)
    inspection.problems.push_back(std::move(what));
  else
    ++inspection.unlisted_problems;
}

// The scales among the tensors: what lies beside a weight and is not one of the model's own.
bool IsScale(std::string_view name, DType dtype) {
  return dtype == DType::kF8E8M0 && name.ends_with(".scale");
}

// The numbers that a tensor holds for the model: packed FP4 count twice, scales and tables not at all.
std::uint64_t ParametersIn(const std::string& name, const io::TensorInfo& info) {
  if (IsScale(name, info.dtype)) return 0;
  switch (info.dtype) {
    case DType::kF32:
    case DType::kBF16:
    case DType::kF8E4M3:
      return info.elements();
    case DType::kI8:
      return 2 * info.elements();
    default:
      return 0;
  }
}

void Add(TensorTotals& totals, std::uint64_t parameters, std::uint64_t bytes) {
  totals.tensors += 1;
  totals.parameters += parameters;
  totals.bytes += bytes;
}

void CheckTensors(const io::Checkpoint& checkpoint, Inspection& inspection) {
  const std::vector<TensorSpec> specs = arch::TensorsOf(*inspection.config);
  std::vector<convert::StoredTensor> stored;
  std::unordered_set<std::string> bad;  // these and their scales were expected, if not like this
  for (const TensorSpec& spec : specs) {
    Result<convert::StoredTensor> found = convert::FindStored(checkpoint, spec);
    if (found.ok()) {
      stored.push_back(std::move(*found));
      continue;
    }
    AddProblem(inspection, found.error().what);
    bad.insert(spec.name);
    if (spec.name.ends_with(".weight")) bad.insert(arch::ScaleName(spec.name));
  }
  for (const std::string& name : convert::UnexpectedTensors(checkpoint, stored))
    if (!bad.contains(name)) {
      AddProblem(inspection, fmt::format("{}: found tensor {}, which config.json does not call for",
                                         checkpoint.FileOf(name), Json(name).Dump()));
    }
}

}  // namespace

Result<Inspection> InspectCheckpoint(const std::string& directory, const std::string& filter) {
  HADAL_TRY(const io::Checkpoint checkpoint, io::Checkpoint::Open(directory));
  Inspection inspection;
  inspection.directory = directory;
  std::set<std::string> files;
  for (const std::string& name : checkpoint.Names()) {
    const io::TensorInfo& info = *checkpoint.Info(name);
    const std::string& file = checkpoint.FileOf(name);
    const std::uint64_t parameters = ParametersIn(name, info), bytes = info.end - info.begin;
    files.insert(file);
    Add(inspection.all, parameters, bytes);
    const auto component = static_cast<std::size_t>(arch::ComponentOf(name));
    Add(inspection.components[component], parameters, bytes);
    Add(inspection.dtypes[std::string(DTypeName(info.dtype))], parameters, bytes);
    if (name.find(filter) != std::string::npos)
      inspection.tensors.push_back({name, file, info.dtype, info.shape, bytes});
  }
  inspection.files = files.size();

  Result<arch::Config> config = arch::ParseConfig(checkpoint.config());
  if (config.ok()) {
    inspection.config = std::move(*config);
    CheckTensors(checkpoint, inspection);
  } else {
    AddProblem(inspection, fmt::format("{}: {}", directory, config.error().what));
  }
  return inspection;
}

}  // namespace hadal::cli
