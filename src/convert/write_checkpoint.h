// The one writer of checkpoints: config.json, the weights in one file or many with their index, and
// the files of a tokenizer, in a folder that appears whole or not at all.
//
//   WriteCheckpoint("out", tensors, {.config = json, .tokenizer = "in"}, {.cancel = &stop},
//                   [&](std::size_t i, TensorSink& sink) { return sink.Append(CodesOf(i)); });
//
// Who has the numbers gives them tensor by tensor, in pieces of any size, so that no tensor need be
// whole in memory.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/progress.h"
#include "base/result.h"
#include "convert/shard_plan.h"

namespace hadal::convert {

struct WriteOptions {
  bool replace = false;                       // an existing model at `out`
  bool quiet = false;                         // no progress line
  std::uint64_t shard_bytes = 5'000'000'000;  // more than this is cut into several files
  const std::atomic<bool>* cancel = nullptr;  // looked at between pieces
};

struct CheckpointFiles {
  Json config = {};  // config.json
  // A folder whose tokenizer, generation config and license are copied, what there is of them;
  // empty: none.
  std::string tokenizer = {};
};

struct CheckpointReport {
  std::uint64_t tensors = 0, files = 0, bytes = 0;  // files: of weights
};

// Where the numbers of one tensor go.
class TensorSink {
 public:
  // Once one of them has failed, whatever the giver makes of it, writing ends with that error.
  Status Append(std::span<const std::byte> bytes);
  // Of a format with scales, at any time: they are written behind the codes of the whole item.
  Status AppendScales(std::span<const std::byte> scales);

 private:
  friend class CheckpointWriter;
  TensorSink(Progress* progress, const std::atomic<bool>* cancel)
      : progress_(progress), cancel_(cancel) {}

  io::SafetensorsWriter* file_ = nullptr;
  std::vector<std::byte> scales_;
  std::uint64_t done_ = 0;  // bytes
  Progress* progress_;
  const std::atomic<bool>* cancel_;
  Status failed_ = Unit{};
};

// All bytes of tensors[i] as the format says, codes row by row and scales.
using GiveTensor = std::function<Status(std::size_t i, TensorSink& sink)>;

// kInvalid: `out` is not empty and `replace` is not given. kExhausted: the disk has too little
// room. kCancelled: asked to stop. kIo, and what `give` returns. Then `out` is as it was, and
// nothing is left beside it.
Result<CheckpointReport> WriteCheckpoint(const std::string& out, std::span<const ToStore> tensors,
                                         const CheckpointFiles& files, const WriteOptions& options,
                                         const GiveTensor& give);

}  // namespace hadal::convert
