// Tests only: a control group whose memory limit ends what needs more, page cache included.
#pragma once
#include <sys/types.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace hadal::tests {

class MemoryGroup {
 public:
  explicit MemoryGroup(std::uint64_t bytes) {
    namespace fs = std::filesystem;
    const std::string name = "hadal-test-" + std::to_string(getpid());
    std::error_code error;
    for (const auto& [root, limit] : {std::pair{"/sys/fs/cgroup/memory/", "memory.limit_in_bytes"},
                                      std::pair{"/sys/fs/cgroup/", "memory.max"}}) {
      if (!fs::exists(std::string(root) + "cgroup.procs", error)) continue;
      const std::string folder = root + name;
      if (!fs::create_directory(folder, error)) continue;
      folder_ = folder;
      if (Write(limit, std::to_string(bytes))) return;
      Remove();
    }
  }
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;
  ~MemoryGroup() { Remove(); }

  bool works() const { return !folder_.empty(); }  // false: such groups are not allowed here
  bool Take(pid_t process) { return Write("cgroup.procs", std::to_string(process)); }

 private:
  bool Write(const std::string& file, const std::string& text) const {
    std::ofstream out(folder_ + "/" + file);
    out << text;
    out.close();
    return !out.fail();
  }
  void Remove() {  // once nobody is in it
    if (!folder_.empty()) rmdir(folder_.c_str());
    folder_.clear();
  }
  std::string folder_;
};

}  // namespace hadal::tests
