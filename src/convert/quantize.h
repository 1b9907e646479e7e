// A checkpoint in another format: float32, bfloat16, or the published FP8 + FP4.
//
// Works tensor by tensor, a few megabytes of numbers at a time, whatever the size of the model.
// Tensors that are already in the wanted format are copied byte for byte. From the published format
// to either other and back gives the same values.
#pragma once
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hadal::convert {

enum class Format {
  kF32,        // every number float32
  kBf16,       // the published format with BF16 in place of FP8 and FP4
  kPublished,  // FP8 attention and shared experts, FP4 experts; see inventory.h
};
std::optional<Format> FormatFromName(std::string_view name);  // "f32", "bf16", "published"

struct QuantizeOptions {
  Format to = Format::kPublished;
  bool replace = false;                              // an existing model at `out`
  bool quiet = false;                                // no progress line
  std::uint64_t shard_bytes = 5'000'000'000;         // more than this is cut into several files
  std::size_t chunk_numbers = std::size_t{1} << 22;  // held in memory at a time, as float32
  const std::atomic<bool>* cancel = nullptr;         // looked at between tensors
};

struct QuantizeReport {
  std::uint64_t tensors = 0, files = 0, read_bytes = 0, written_bytes = 0;
};

// Reads the checkpoint `in` and writes config.json, weights and the tokenizer's files to the folder
// `out`, which appears whole or not at all. Every tensor that the config calls for must be there,
// and no other. kInvalid: `out` is not empty, and `replace` is not given; numbers that are not
// finite. kCancelled: asked to stop; nothing is left of `out`.
Result<QuantizeReport> QuantizeCheckpoint(const std::string& in, const std::string& out,
                                          const QuantizeOptions& options);

}  // namespace hadal::convert
