// The first bytes of a checkpoint's tensors, wherever they are: mapped, in memory, or left in their
// files, each of which is then opened once.
#pragma once
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "io/checkpoint.h"
#include "io/direct_file.h"

namespace hadal::io {

class TensorStarts {
 public:
  explicit TensorStarts(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}  // outlives this
  // Of a tensor that exists and has so many. kIo, kCorrupt.
  Status Copy(std::string_view name, std::span<std::byte> out);

 private:
  Result<const DirectFile*> Opened(const std::string& path);

  const Checkpoint& checkpoint_;
  std::map<std::string, DirectFile> files_;  // by path
};

}  // namespace hadal::io
