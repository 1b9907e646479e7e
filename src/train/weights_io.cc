// V4ModelImpl::Load and Save: published checkpoints in and out.
#include <map>
#include <span>
#include <string>
#include <vector>

#include "arch/stored_tensor.h"
#include "convert/encode_weights.h"
#include "convert/write_checkpoint.h"
#include "io/decode.h"
#include "train/v4_model.h"

namespace hadal::train {
namespace {

using torch::Tensor;

template <class T>
std::span<const std::byte> Bytes(const T* data, std::size_t count) {
  return std::as_bytes(std::span<const T>(data, count));
}

Status GiveBlocks(const Result<convert::EncodedBlocks>& blocks, convert::TensorSink& sink) {
  if (!blocks.ok()) return blocks.error();
  HADAL_TRY_STATUS(sink.AppendScales(std::as_bytes(std::span(blocks->scales))));
  return sink.Append(std::as_bytes(std::span(blocks->codes)));
}

Status Give(const convert::ToStore& to, const Tensor& values, convert::TensorSink& sink) {
  if (to.format == StoredFormat::kI64) {
    const Tensor ids = values.to(torch::kCPU, torch::kLong).contiguous();
    return sink.Append(Bytes(ids.data_ptr<std::int64_t>(), static_cast<std::size_t>(ids.numel())));
  }
  const Tensor floats = values.to(torch::kCPU, torch::kFloat).contiguous();
  const std::span<const float> w(floats.data_ptr<float>(),
                                 static_cast<std::size_t>(floats.numel()));
  if (to.format == StoredFormat::kF32) return sink.Append(std::as_bytes(w));
  const std::size_t rows = to.spec->shape.size() == 2 ? to.spec->shape[0] : 1;
  const std::size_t cols = w.size() / rows;
  if (to.format == StoredFormat::kFp8Block128)
    return GiveBlocks(convert::EncodeFp8Block128(w, rows, cols), sink);
  if (to.format == StoredFormat::kFp4Block32)
    return GiveBlocks(convert::EncodeFp4Block32(w, rows, cols), sink);
  HADAL_TRY(const std::vector<std::uint16_t> codes, convert::EncodeBf16(w, rows, cols));
  return sink.Append(std::as_bytes(std::span(codes)));
}

// Copies the stored numbers into `to`, whatever its type.
Status Read(const arch::StoredTensor& stored, const arch::Config& config, Tensor to) {
  if (stored.spec->format == StoredFormat::kI64) {
    HADAL_TRY(std::vector<std::int64_t> ids, arch::DecodeTable(stored, config));
    to.copy_(torch::from_blob(ids.data(), to.sizes(), torch::kLong));
    return Unit{};
  }
  HADAL_TRY(std::vector<float> floats, io::DecodeFloats(stored.data, stored.scale_or_null()));
  to.copy_(torch::from_blob(floats.data(), to.sizes(), torch::kFloat));
  return Unit{};
}

Tensor PieceOf(const Tensor& values, std::size_t pieces, std::size_t i) {
  return pieces == 1 ? values : values.select(0, static_cast<std::int64_t>(i));
}

}  // namespace

Status V4ModelImpl::Load(const io::Checkpoint& checkpoint) {
  const torch::NoGradGuard no_grad;
  struct Found {
    arch::StoredTensor stored;
    Tensor to;
  };
  // Everything is found and checked before anything is changed.
  std::vector<Found> found;
  for (const auto& [name, tensor] : tensors_) {
    const std::vector<arch::TensorSpec>& published = tensor.spec.published;
    for (std::size_t i = 0; i < published.size(); ++i) {
      HADAL_TRY(const arch::StoredTensor stored, arch::FindStored(checkpoint, published[i]));
      found.push_back({stored, PieceOf(tensor.values, published.size(), i)});
    }
  }
  const arch::Unlisted unlisted =
      arch::UnlistedTensors(checkpoint, config_, arch::TensorsOf(config_));
  if (!unlisted.unknown.empty()) return arch::UnknownTensors(checkpoint, unlisted.unknown);
  for (const Found& item : found) {
    const Status status = Read(item.stored, config_, item.to);
    if (!status.ok())
      return Within(fmt::format("{}: tensor \"{}\"", checkpoint.FileOf(item.stored.spec->name),
                                item.stored.spec->name),
                    status.error());
  }
  return Unit{};
}

Status V4ModelImpl::Save(const std::string& directory, Format format, const std::string& tokenizer,
                         bool replace) const {
  const torch::NoGradGuard no_grad;
  std::map<std::string, Tensor> pieces;  // by their published names
  for (const auto& [name, tensor] : tensors_) {
    const std::vector<arch::TensorSpec>& published = tensor.spec.published;
    for (std::size_t i = 0; i < published.size(); ++i)
      pieces.emplace(published[i].name, PieceOf(tensor.values, published.size(), i));
  }
  const std::vector<arch::TensorSpec> specs = arch::TensorsOf(config_);
  std::vector<convert::ToStore> tensors;
  for (const arch::TensorSpec& spec : specs) {
    const bool as_f32 = format == Format::kF32 && spec.format != StoredFormat::kI64;
    tensors.push_back({&spec, as_f32 ? StoredFormat::kF32 : spec.format});
  }
  const auto give = [&](std::size_t i, convert::TensorSink& sink) -> Status {
    const Status given = Give(tensors[i], pieces.at(specs[i].name), sink);
    if (given.ok()) return given;
    return Within(fmt::format("tensor \"{}\"", specs[i].name), given.error());
  };
  const convert::CheckpointFiles files{
      .config = arch::ConfigToJson(config_, format == Format::kFp8Fp4), .tokenizer = tokenizer};
  const auto written = convert::WriteCheckpoint(directory, tensors, files,
                                                {.replace = replace, .quiet = true}, give);
  return written.ok() ? Status(Unit{}) : written.error();
}

}  // namespace hadal::train
