// Which model made a state, exactly: a digest of all that its bits depend on.
//
// Every byte of every weight, config, numerics, the layout of the state, the format of the files
// and of the program's arithmetic, and the instruction set that computes. Unlike Fingerprint
// (cache/fingerprint.h), which samples: a state that is read back from another run must be this
// very model's.
//
// A large model is read once: the digest of each of its files is remembered with the index of the
// folder, by path, size, time of change and inode.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>

#include "arch/kv_layout.h"
#include "base/result.h"
#include "cache/segment_store.h"
#include "io/digest.h"
#include "model/weights.h"

namespace hadal::cache {

struct DigestProgress {
  // Bytes of weights that are read because nothing is remembered of them. May be empty.
  std::function<void(std::uint64_t done_bytes, std::uint64_t all_bytes)> on_reading = {};
  const std::atomic<bool>* cancel = nullptr;
};

// kNotFound, kIo: a file of the checkpoint. kCorrupt: it is another than was loaded. kCancelled.
Result<io::Digest> ModelDigest(const model::Model& model, const arch::Numerics& numerics,
                               const arch::KvLayout& layout, SegmentStore& memory,
                               const DigestProgress& progress);

}  // namespace hadal::cache
