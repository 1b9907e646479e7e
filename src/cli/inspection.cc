#include "cli/inspection.h"

#include <algorithm>
#include <set>
#include <utility>

#include "arch/non_finite.h"
#include "arch/stored_tensor.h"
#include "base/progress.h"
#include "base/stop_signal.h"

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

// The numbers that a tensor holds for the model: packed FP4 count twice, scales and tables not at
// all.
std::uint64_t ParametersIn(const arch::Recognised& found, const io::TensorInfo& info) {
  const std::optional<StoredFormat> format = FormatOfCodes(info.dtype);
  if (found.kind == arch::Recognised::Kind::kScale || !format || *format == StoredFormat::kI64)
    return 0;
  return info.elements() * LayoutOf(*format).numbers_a_code;
}

void Add(TensorTotals& totals, std::uint64_t parameters, std::uint64_t bytes) {
  totals.tensors += 1;
  totals.parameters += parameters;
  totals.bytes += bytes;
}

void CheckTensors(const io::Checkpoint& checkpoint, bool numbers, Inspection& inspection) {
  const std::vector<TensorSpec> specs = arch::TensorsOf(*inspection.config);
  for (const TensorSpec& spec : specs) {
    const auto found = arch::FindStored(checkpoint, spec);
    const Status status = !found.ok() ? found.error()
                          : numbers   ? arch::CheckScales(checkpoint, *found)
                                      : Status(Unit{});
    if (!status.ok()) AddProblem(inspection, status.error().what);
  }
  const arch::Unlisted unlisted = arch::UnlistedTensors(checkpoint, *inspection.config, specs);
  for (const std::string& name : unlisted.unknown)
    AddProblem(inspection, arch::UnknownTensors(checkpoint, {name}).what);
  inspection.notes = checkpoint.notes();
  if (!unlisted.drafters.empty())
    inspection.notes.push_back(arch::DrafterNote(checkpoint, unlisted.drafters));
}

Status VerifyNumbers(const io::Checkpoint& checkpoint, bool quiet, Inspection& inspection) {
  Progress progress("verifying", checkpoint.tensor_bytes(), quiet);
  HADAL_TRY(const std::vector<arch::NonFinite> all,
            arch::FindAllNonFinite(checkpoint, progress, StopRequested()));
  for (const arch::NonFinite& found : all)
    AddProblem(inspection, fmt::format("{}: {}", checkpoint.FileOf(found.tensor), Describe(found)));
  return Unit{};
}

}  // namespace

Result<Inspection> InspectCheckpoint(const std::string& directory,
                                     const InspectionOptions& options) {
  HADAL_TRY(const io::Checkpoint checkpoint, io::Checkpoint::Open(directory));
  Inspection inspection;
  inspection.directory = directory;
  Result<arch::Config> config = arch::ParseConfig(checkpoint.config());
  if (config.ok())
    inspection.config = std::move(*config);
  else
    AddProblem(inspection, fmt::format("{}: {}", directory, config.error().what));
  std::set<std::string> files;
  for (const std::string& name : checkpoint.Names()) {
    const io::TensorInfo& info = *checkpoint.Info(name);
    const std::string& file = checkpoint.FileOf(name);
    const arch::Recognised recognised =
        inspection.config ? arch::Recognise(name, *inspection.config) : arch::Recognise(name);
    const std::uint64_t parameters = ParametersIn(recognised, info), bytes = info.end - info.begin;
    files.insert(file);
    Add(inspection.all, parameters, bytes);
    const auto component = static_cast<std::size_t>(recognised.component());
    Add(inspection.components[component], parameters, bytes);
    Add(inspection.dtypes[std::string(DTypeName(info.dtype))], parameters, bytes);
    if (name.find(options.filter) != std::string::npos)
      inspection.tensors.push_back({name, file, info.dtype, info.shape, bytes});
  }
  inspection.files = files.size();

  if (inspection.config) CheckTensors(checkpoint, options.verify, inspection);
  if (options.verify) HADAL_TRY_STATUS(VerifyNumbers(checkpoint, options.quiet, inspection));
  return inspection;
}

}  // namespace hadal::cli
