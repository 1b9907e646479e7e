// V4ModelImpl::Load and Save: published checkpoints in and out.
#include <filesystem>
#include <span>
#include <vector>

#include "arch/stored_tensor.h"
#include "convert/encode_weights.h"
#include "convert/shard_plan.h"
#include "io/decode.h"
#include "io/file.h"
#include "io/safetensors.h"
#include "train/v4_model.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using Declared = io::SafetensorsWriter::Declared;

// A published tensor that is part of a parameter, and how to write it.
struct Piece {
  const arch::TensorSpec* spec;
  Tensor values;        // of this piece alone
  StoredFormat format;  // to be written in
};

template <class T>
std::span<const std::byte> Bytes(const T* data, std::size_t count) {
  return std::as_bytes(std::span<const T>(data, count));
}

Status AppendBlocks(const Result<convert::EncodedBlocks>& blocks, io::SafetensorsWriter& writer) {
  if (!blocks.ok()) return blocks.error();
  HADAL_TRY_STATUS(writer.Append(std::as_bytes(std::span(blocks->codes))));
  return writer.Append(std::as_bytes(std::span(blocks->scales)));
}

Status Append(const Piece& piece, io::SafetensorsWriter& writer) {
  if (piece.format == StoredFormat::kI64) {
    const Tensor ids = piece.values.to(torch::kLong).contiguous();
    return writer.Append(
        Bytes(ids.data_ptr<std::int64_t>(), static_cast<std::size_t>(ids.numel())));
  }
  const Tensor floats = piece.values.to(torch::kFloat).contiguous();
  const std::span<const float> w(floats.data_ptr<float>(),
                                 static_cast<std::size_t>(floats.numel()));
  if (piece.format == StoredFormat::kF32) return writer.Append(std::as_bytes(w));
  const std::size_t rows = piece.spec->shape.size() == 2 ? piece.spec->shape[0] : 1;
  const std::size_t cols = w.size() / rows;
  if (piece.format == StoredFormat::kFp8Block128)
    return AppendBlocks(convert::EncodeFp8Block128(w, rows, cols), writer);
  if (piece.format == StoredFormat::kFp4Block32)
    return AppendBlocks(convert::EncodeFp4Block32(w, rows, cols), writer);
  HADAL_TRY(const std::vector<std::uint16_t> codes, convert::EncodeBf16(w, rows, cols));
  return writer.Append(std::as_bytes(std::span(codes)));
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
  const arch::Unlisted unlisted = arch::UnlistedTensors(checkpoint, arch::TensorsOf(config_));
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

Status V4ModelImpl::Save(const std::string& directory, Format format) const {
  const torch::NoGradGuard no_grad;
  std::vector<Piece> pieces;
  for (const auto& [name, tensor] : tensors_) {
    const std::vector<arch::TensorSpec>& published = tensor.spec.published;
    for (std::size_t i = 0; i < published.size(); ++i) {
      const bool floats = published[i].format != StoredFormat::kI64;
      pieces.push_back(
          {&published[i], PieceOf(tensor.values, published.size(), i),
           format == Format::kF32 && floats ? StoredFormat::kF32 : published[i].format});
    }
  }
  // Wide types first: every tensor is then aligned to its type.
  std::ranges::stable_sort(pieces, std::greater<>(), [](const Piece& piece) {
    return DTypeBytes(convert::DeclareStored(*piece.spec, piece.format)[0].dtype);
  });
  std::vector<Declared> declared;
  for (const Piece& piece : pieces)
    for (Declared& tensor : convert::DeclareStored(*piece.spec, piece.format))
      declared.push_back(std::move(tensor));

  const std::filesystem::path folder(directory);
  HADAL_TRY(auto writer, io::SafetensorsWriter::Create((folder / "model.safetensors").string(),
                                                       declared, {{"format", "pt"}}));
  for (const Piece& piece : pieces) {
    const Status status = Append(piece, writer);
    if (!status.ok()) return Within(fmt::format("tensor \"{}\"", piece.spec->name), status.error());
  }
  HADAL_TRY_STATUS(writer.Finish());
  const Json config = arch::ConfigToJson(config_, format == Format::kFp8Fp4);
  return io::WriteFile((folder / "config.json").string(), config.Dump(2) + "\n");
}

}  // namespace hadal::train
