#include "convert/stored_tensor.h"
#include "io/decode.h"

#include <unordered_set>
#include <utility>

namespace hadal::convert {
namespace {

// How a tensor of `spec` is shaped when its codes are of this dtype; none if they cannot be.
std::optional<TensorShape> StoredShape(const arch::TensorSpec& spec, DType dtype) {
  const bool table = spec.format == StoredFormat::kI64;
  if (table && dtype == DType::kI32) return spec.shape;
  const std::optional<StoredFormat> format = FormatOfCodes(dtype);
  if (!format || table != (format == StoredFormat::kI64)) return std::nullopt;
  const bool matrix = spec.name.ends_with(".weight");
  if (LayoutOf(*format).scaled() && !(matrix && CanStore(*format, spec.shape))) return std::nullopt;
  return CodeShape(*format, spec.shape);
}

}  // namespace

Result<StoredTensor> FindStored(const io::Checkpoint& checkpoint, const arch::TensorSpec& spec) {
  HADAL_TRY(io::TensorView view, checkpoint.Find(spec.name));
  const std::optional<TensorShape> shape = StoredShape(spec, view.dtype);
  if (!shape || view.shape != *shape) {
    return Fail(Code::kInvalid,
                "{}: tensor \"{}\": found {} {}, expected {} {}, as config.json has it",
                checkpoint.FileOf(spec.name), spec.name, DTypeName(view.dtype),
                io::FormatShape(view.shape), shape ? DTypeName(view.dtype) : "a weight of shape",
                io::FormatShape(shape ? *shape : spec.shape));
  }
  StoredTensor stored{&spec, std::move(view), std::nullopt};
  if (spec.format == StoredFormat::kI64) return stored;
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

}  // namespace hadal::convert
