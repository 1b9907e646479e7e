#include "convert/stored_tensor.h"

#include <unordered_set>
#include <utility>

namespace hadal::convert {
namespace {

using Shape = std::vector<std::uint64_t>;

// How a tensor of `spec` is shaped when it is stored as `dtype`; none if it cannot be.
std::optional<Shape> StoredShape(const arch::TensorSpec& spec, DType dtype) {
  const bool integers = spec.storage == arch::Storage::kI64;
  const bool matrix = spec.shape.size() == 2 && spec.name.ends_with(".weight");
  switch (dtype) {
    case DType::kI32:
    case DType::kI64:
      return integers ? std::optional(spec.shape) : std::nullopt;
    case DType::kF32:
    case DType::kBF16:
      return integers ? std::nullopt : std::optional(spec.shape);
    case DType::kF8E4M3:
      return matrix ? std::optional(spec.shape) : std::nullopt;
    case DType::kI8:
      if (!matrix || spec.shape[1] % 32 != 0) return std::nullopt;
      return Shape{spec.shape[0], spec.shape[1] / 2};
    default:
      return std::nullopt;
  }
}

}  // namespace

Result<StoredTensor> FindStored(const io::Checkpoint& checkpoint, const arch::TensorSpec& spec) {
  HADAL_TRY(io::TensorView view, checkpoint.Find(spec.name));
  const std::optional<Shape> shape = StoredShape(spec, view.dtype);
  if (!shape || view.shape != *shape) {
    return Fail(Code::kInvalid,
                "{}: tensor \"{}\": found {} {}, expected {} {}, as config.json has it",
                checkpoint.FileOf(spec.name), spec.name, DTypeName(view.dtype),
                io::FormatShape(view.shape), shape ? DTypeName(view.dtype) : "a weight of shape",
                io::FormatShape(shape ? *shape : spec.shape));
  }
  StoredTensor stored{&spec, std::move(view), std::nullopt};
  if (spec.storage == arch::Storage::kI64) return stored;
  if (stored.data.dtype == DType::kF8E4M3 || stored.data.dtype == DType::kI8) {
    HADAL_TRY(stored.scale, checkpoint.Find(arch::ScaleName(spec.name)));
  }
  const Status status = io::CheckFloats(stored.data, stored.scale_or_null());
  if (!status.ok())
    return Within(fmt::format("{}: tensor \"{}\"", checkpoint.FileOf(spec.name), spec.name),
                  status.error());
  return stored;
}

std::vector<std::string> UnexpectedTensors(const io::Checkpoint& checkpoint,
                                           const std::vector<StoredTensor>& stored) {
  std::unordered_set<std::string> expected;
  for (const StoredTensor& tensor : stored) {
    expected.insert(tensor.spec->name);
    if (tensor.scale) expected.insert(arch::ScaleName(tensor.spec->name));
  }
  std::vector<std::string> unexpected;
  for (std::string& name : checkpoint.Names())
    if (!expected.contains(name) && !arch::IsSharedCopy(name))
      unexpected.push_back(std::move(name));
  return unexpected;
}

std::optional<arch::Storage> StorageOf(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return arch::Storage::kF32;
    case DType::kBF16:
      return arch::Storage::kBf16;
    case DType::kF8E4M3:
      return arch::Storage::kFp8Block128;
    case DType::kI8:
      return arch::Storage::kFp4Block32;
    case DType::kI64:
      return arch::Storage::kI64;
    default:
      return std::nullopt;
  }
}

}  // namespace hadal::convert
