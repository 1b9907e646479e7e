#include "arch/stored_tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <unordered_set>
#include <utility>

#include "arch/config_v32.h"
#include "base/check.h"
#include "io/decode.h"
#include "io/file.h"

namespace hadal::arch {
namespace {

// How a tensor of `spec` is shaped when its codes are of this dtype; none if they cannot be.
std::optional<TensorShape> StoredShape(const TensorSpec& spec, DType dtype) {
  const TensorKind kind = KindOf(spec.id.role);
  if (kind == TensorKind::kTable && dtype == DType::kI32) return spec.shape;
  const std::optional<StoredFormat> format = FormatOfCodes(dtype);
  if (!format || (kind == TensorKind::kTable) != (*format == StoredFormat::kI64))
    return std::nullopt;
  const bool scaled = LayoutOf(*format).scaled();
  if (scaled && (kind != TensorKind::kMatrix || !CanStore(*format, spec.shape)))
    return std::nullopt;
  return CodeShape(*format, spec.shape);
}

std::string Show(std::string_view name) { return Json(name).Dump(); }

std::string More(std::size_t count) {
  return count == 1 ? "" : fmt::format(" and {} more", count - 1);
}

// What is likely where names are not the published ones.
constexpr std::string_view kOtherNames =
    "; names that begin with \"model.\" are those of Hugging Face's class, expected the published "
    "names, as in the original release";

bool HasOtherNames(const io::Checkpoint& checkpoint) {
  if (IsV32(checkpoint.config())) return false;  // those are its own
  const std::vector<std::string> names = checkpoint.Names();
  const auto first = std::ranges::lower_bound(names, std::string("model."));
  return first != names.end() && first->starts_with("model.");
}

Error Missing(const io::Checkpoint& checkpoint, const std::string& name) {
  return Fail(Code::kNotFound, "{}: found no tensor {}, which config.json calls for{}",
              checkpoint.directory(), Show(name),
              HasOtherNames(checkpoint) ? kOtherNames : "; is the download complete?");
}

Error Misshapen(const io::Checkpoint& checkpoint, const TensorSpec& spec,
                const io::TensorView& found, const std::optional<TensorShape>& shape) {
  return Fail(Code::kInvalid, "{}: tensor {}: found {} {}, expected {} {}, as config.json has it",
              checkpoint.FileOf(spec.name), Show(spec.name), DTypeName(found.dtype),
              io::FormatShape(found.shape), shape ? DTypeName(found.dtype) : "a weight of shape",
              io::FormatShape(shape ? *shape : spec.shape));
}

// Whether it is of an MTP block that this config does not have. V3.2's is told from a layer too
// many by what it alone holds.
bool IsOfOtherDrafter(const io::Checkpoint& checkpoint, const Config& config, const TensorId& id) {
  if (id.part != Part::kMtp || id.naming != Naming::kV32) return id.part == Part::kMtp;
  const TensorId own = {
      .role = Role::kEhProj, .part = Part::kMtp, .layer = id.layer, .naming = Naming::kV32};
  return id.layer >= config.num_hidden_layers + config.num_nextn_predict_layers &&
         checkpoint.Info(NameOf(own)) != nullptr;
}

// Scales of a matrix that is there in a format without.
bool IsUnused(const io::Checkpoint& checkpoint, const Recognised& found) {
  if (found.kind != Recognised::Kind::kScale) return false;
  const io::TensorInfo* weight = checkpoint.Info(NameOf(found.id));
  const auto format = weight == nullptr ? std::nullopt : FormatOfCodes(weight->dtype);
  return format && !LayoutOf(*format).scaled();
}

}  // namespace

StoredFormat StoredTensor::format() const {
  const auto scales = scale ? std::optional(scale->dtype) : std::nullopt;
  return FormatOfCodes(data.dtype, scales).value_or(StoredFormat::kI64);
}

StoredMatrix StoredTensor::matrix() const {
  HADAL_CHECK(spec->shape.size() == 2 && format() != StoredFormat::kI64);
  return {.format = format(),
          .rows = spec->shape[0],
          .cols = spec->shape[1],
          .codes = data.data.data(),
          .scales = scale ? scale->data.data() : nullptr};
}

Result<StoredTensor> FindStored(const io::Checkpoint& checkpoint, const TensorSpec& spec) {
  Result<io::TensorView> view = checkpoint.Find(spec.name);
  if (!view.ok()) return Missing(checkpoint, spec.name);
  const std::optional<TensorShape> shape = StoredShape(spec, view->dtype);
  if (!shape || view->shape != *shape) return Misshapen(checkpoint, spec, *view, shape);
  StoredTensor stored{&spec, std::move(*view), std::nullopt};
  if (KindOf(spec.id.role) == TensorKind::kTable) return stored;
  if (LayoutOf(stored.format()).scaled()) {
    const std::string name = ScaleName(spec.id);
    Result<io::TensorView> scale = checkpoint.Find(name);
    if (!scale.ok()) return Missing(checkpoint, name);
    stored.scale = std::move(*scale);
  }
  const Status status = io::CheckFloats(stored.data, stored.scale_or_null());
  if (!status.ok())
    return Within(fmt::format("{}: tensor {}", checkpoint.FileOf(spec.name), Show(spec.name)),
                  status.error());
  return stored;
}

Status CheckScales(const io::Checkpoint& checkpoint, const StoredTensor& stored) {
  if (!stored.scale || stored.scale->dtype != DType::kF32) return Unit{};
  const std::span<const std::byte> data = stored.scale->data;
  for (std::size_t i = 0; i < data.size() / sizeof(float); ++i) {
    float scale;
    std::memcpy(&scale, data.data() + i * sizeof(scale), sizeof(scale));
    if (std::isfinite(scale) && scale >= 0) continue;
    const std::string name = ScaleName(stored.spec->id);
    const std::size_t cols = stored.scale->shape.back();
    return Fail(Code::kCorrupt,
                "{}: tensor {}: element [{}, {}]: found {}, expected a finite scale of 0 or more",
                checkpoint.FileOf(name), Show(name), i / cols, i % cols, scale);
  }
  return Unit{};
}

Result<io::Checkpoint> OpenPart(const std::string& directory, const Selection& selection) {
  if (selection.whole()) return io::Checkpoint::Open(directory);
  // The config tells V3.2's MTP block from its layers; what is wrong with it, Load says.
  const auto text = io::ReadFile((std::filesystem::path(directory) / "config.json").string());
  const auto json = text.ok() ? ParseJson(*text) : Result<Json>(text.error());
  const auto config = json.ok() ? ParseShape(*json) : Result<Config>(json.error());
  return io::Checkpoint::Open(directory, [&](std::string_view name) {
    const Recognised found = config.ok() ? Recognise(name, *config) : Recognise(name);
    const bool ours =
        found.kind == Recognised::Kind::kTensor || found.kind == Recognised::Kind::kScale;
    return ours && selection.Wants(found.id);
  });
}

Result<std::vector<std::int64_t>> DecodeTable(const StoredTensor& table, const Config& config) {
  HADAL_TRY(std::vector<std::int64_t> ids, io::DecodeInts(table.data));
  const std::size_t topk = config.num_experts_per_tok;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto row = ids.begin() + static_cast<std::ptrdiff_t>(i / topk * topk);
    const auto here = ids.begin() + static_cast<std::ptrdiff_t>(i);
    if (ids[i] < 0 || ids[i] >= static_cast<std::int64_t>(config.n_routed_experts)) {
      return Fail(Code::kInvalid, "token {}: found expert {}, expected 0 to {}", i / topk, ids[i],
                  config.n_routed_experts - 1);
    }
    if (std::find(row, here, ids[i]) != here)
      return Fail(Code::kInvalid, "token {}: found expert {} twice", i / topk, ids[i]);
  }
  return ids;
}

std::optional<StoredFormat> FormatIn(const io::Checkpoint& checkpoint, const std::string& name) {
  const io::TensorInfo* codes = checkpoint.Info(name);
  if (codes == nullptr) return std::nullopt;
  const Recognised found = Recognise(name);
  const bool matrix =
      found.kind == Recognised::Kind::kTensor && KindOf(found.id.role) == TensorKind::kMatrix;
  const io::TensorInfo* scales = matrix ? checkpoint.Info(ScaleName(found.id)) : nullptr;
  return FormatOfCodes(codes->dtype,
                       scales != nullptr ? std::optional(scales->dtype) : std::nullopt);
}

Unlisted UnlistedTensors(const io::Checkpoint& checkpoint, const Config& config,
                         const std::vector<TensorSpec>& specs) {
  std::unordered_set<std::string> listed;
  for (const TensorSpec& spec : specs) listed.insert(spec.name);
  Unlisted unlisted;
  for (std::string& name : checkpoint.Names()) {
    const Recognised found = Recognise(name, config);
    switch (found.kind) {
      case Recognised::Kind::kTensor:
      case Recognised::Kind::kScale:
        if (listed.contains(NameOf(found.id)) && !IsUnused(checkpoint, found)) continue;
        // A layer of ours that this config does not have is wrong, an MTP block is another drafter.
        (IsOfOtherDrafter(checkpoint, config, found.id) ? unlisted.drafters : unlisted.unknown)
            .push_back(std::move(name));
        break;
      case Recognised::Kind::kSharedCopy:
        break;
      case Recognised::Kind::kDrafter:
        unlisted.drafters.push_back(std::move(name));
        break;
      case Recognised::Kind::kUnknown:
        unlisted.unknown.push_back(std::move(name));
        break;
    }
  }
  return unlisted;
}

std::string DrafterNote(const io::Checkpoint& checkpoint,
                        const std::vector<std::string>& drafters) {
  return fmt::format("{}: passed over tensor {}{}, of a drafter that is not run",
                     checkpoint.directory(), Show(drafters[0]), More(drafters.size()));
}

Error UnknownTensors(const io::Checkpoint& checkpoint, const std::vector<std::string>& unknown) {
  return Fail(Code::kInvalid, "{}: found tensor {}{}, which config.json does not call for{}",
              checkpoint.FileOf(unknown[0]), Show(unknown[0]), More(unknown.size()),
              HasOtherNames(checkpoint) ? kOtherNames : "");
}

}  // namespace hadal::arch
