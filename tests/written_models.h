// Small random checkpoints in a folder of their own, and copies of which some tensors are others.
#pragma once
#include <filesystem>
#include <fstream>
#include <string>

#include "cache/small_shape_test.h"
#include "convert/synth.h"
#include "testing/temp_folder.h"

namespace hadal::tests {

class WrittenModels {
 public:
  // A checkpoint of so many experts in each of three layers.
  std::string Write(const std::string& name, std::size_t experts,
                    std::uint64_t shard_bytes = 1 << 30) const {
    Threads threads(2);
    const arch::Config config =
        arch::ChangeShape(cache::SmallShape(), {.layers = 3, .experts = experts}).value();
    HADAL_CHECK(convert::WriteRandomCheckpoint(
                    config, folder_.File(name),
                    {.write = {.quiet = true, .shard_bytes = shard_bytes}}, threads)
                    .ok());
    return folder_.File(name);
  }

  // A copy in which the first byte of every tensor with `part` in its name is another.
  std::string Changed(const std::string& path, const std::string& part) const {
    const std::string copy = folder_.File("copy");
    std::filesystem::remove_all(copy);
    std::filesystem::copy(path, copy);
    Change(copy, part);
    return copy;
  }
  // The same in its place.
  static void Change(const std::string& path, const std::string& part) {
    const io::Checkpoint checkpoint = io::Checkpoint::Open(path).value();
    std::fstream file(path + "/model.safetensors", std::ios::in | std::ios::out | std::ios::binary);
    std::size_t changed = 0;
    for (const std::string& name : checkpoint.Names()) {
      if (name.find(part) == name.npos) continue;
      const auto at = static_cast<std::streamoff>(checkpoint.Info(name)->begin);
      file.seekg(at);
      const int byte = file.get() ^ 1;
      file.seekp(at);
      file.put(static_cast<char>(byte));
      ++changed;
    }
    file.close();
    HADAL_CHECK(changed > 0 && file.good());
  }
  std::string File(const std::string& name) const { return folder_.File(name); }

 private:
  testing::TempFolder folder_;
};

}  // namespace hadal::tests
