// The folder in which states outlive a run (cache/disk_prefixes.h), for one model.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cache/disk_prefixes.h"
#include "model/weights.h"

namespace hadal::engine {

struct DiskCacheOptions {
  std::string folder = {};  // empty: none
  std::uint64_t limit_bytes = 100'000'000'000;
  bool even_if_slower = false;                // cache/disk_prefixes.h
  std::function<void()> before_reading = {};  // likewise
  // Weights are read once, for their digest. May be empty.
  std::function<void(std::uint64_t done_bytes, std::uint64_t all_bytes)> on_reading = {};
  std::function<void(std::string_view)> on_note = {};  // lines for people; any thread; may be empty
  const std::atomic<bool>* cancel = nullptr;
};

// Null without a folder. kIo, kInvalid: it cannot be made, or is another's. kCancelled.
Result<std::shared_ptr<cache::DiskPrefixes>> OpenDiskCache(const model::Model& model,
                                                           const std::string& model_name,
                                                           const DiskCacheOptions& options);

}  // namespace hadal::engine
