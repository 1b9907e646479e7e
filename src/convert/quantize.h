// A checkpoint in another format: float32, bfloat16, or the published FP8 + FP4.
//
// Works tensor by tensor, a few megabytes of numbers at a time, whatever the size of the model.
// Tensors that are already in the wanted format are copied byte for byte. From the published format
// to either other and back gives the same values.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "convert/write_checkpoint.h"

namespace hadal::convert {

enum class Format {
  kF32,        // every number float32
  kBf16,       // the published format with BF16 in place of FP8 and FP4
  kPublished,  // FP8 attention and shared experts, FP4 experts; see inventory.h
};
std::optional<Format> FormatFromName(std::string_view name);  // "f32", "bf16", "published"

struct QuantizeOptions {
  Format to = Format::kPublished;
  WriteOptions write = {};
  std::size_t chunk_numbers = std::size_t{1} << 22;  // held in memory at a time, as float32
  // A line about what is passed over, before the work. May be empty.
  std::function<void(std::string_view)> on_note = {};
};

struct QuantizeReport {
  CheckpointReport written = {};
  std::uint64_t read_bytes = 0;
};

// Reads the checkpoint `in` and writes config.json, weights and the tokenizer's files to the folder
// `out`, as write_checkpoint.h. Every tensor that the config calls for must be there, and no other,
// but those of drafters, which are passed over. kInvalid: numbers that are not finite.
Result<QuantizeReport> QuantizeCheckpoint(const std::string& in, const std::string& out,
                                          const QuantizeOptions& options);

}  // namespace hadal::convert
