// Which model made a state, exactly: a digest of all that its bits depend on.
//
// Every byte of every weight, config, numerics, the layout of the state, the format of the files
// and of the program's arithmetic (cache/arithmetic.h), the C library's (base/libm_digest.h), and
// the instruction set that computes. Unlike Fingerprint (cache/fingerprint.h), which samples: a
// state that is read back from another run must be this very model's.
//
// A large model is read once: the digest of each of its files is kept beside it
// (cache/weight_digests.h), or, where its folder cannot be written, with the index of the folder of
// states. It holds for a file of the same size, times of change, device and inode.
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

struct DigestOptions {
  // Of weights; what is smaller is read as fast as told, and keeps its folder as it is.
  static constexpr std::uint64_t kWorthKeeping = 256'000'000;
  std::uint64_t beside_from_bytes = kWorthKeeping;
  // Bytes of weights that are read because nothing is remembered of them. May be empty.
  std::function<void(std::uint64_t done_bytes, std::uint64_t all_bytes)> on_reading = {};
  const std::atomic<bool>* cancel = nullptr;
};

// kNotFound, kIo: a file of the checkpoint. kCorrupt: it is another than was loaded. kCancelled.
Result<io::Digest> ModelDigest(const model::Model& model, const arch::Numerics& numerics,
                               const arch::KvLayout& layout, SegmentStore& memory,
                               const DigestOptions& options);

}  // namespace hadal::cache
