#include "machine/features.h"

#include <fstream>
#include <utility>

#include "base/allowance.h"
#include "kernels/isa.h"

namespace hadal::machine {
namespace {

// The value of "key : value" in a file of such lines; the first one.
std::string Field(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || line.compare(0, key.size(), key) != 0) continue;
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

// "32768K" in the file of the highest cache level.
std::uint64_t LastCacheBytes() {
  std::uint64_t bytes = 0;
  for (int index = 0; index < 8; ++index) {
    std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) +
                       "/size");
    std::uint64_t size = 0;
    char unit = 0;
    if (file >> size >> unit) bytes = size * (unit == 'M' ? 1 << 20 : 1 << 10);
  }
  return bytes;
}

}  // namespace

Computer DescribeComputer() {
  Computer computer;
  computer.processor = Field("/proc/cpuinfo", "model name");
  for (const kernels::Isa isa : kernels::RunnableIsas())
    if (isa != kernels::Isa::kRef) computer.features.emplace_back(kernels::IsaName(isa));
  const DotInstructions dots = DetectDots();
  if (dots.avx512_vnni) computer.features.emplace_back("avx512_vnni");
  if (dots.avx512_bf16) computer.features.emplace_back("avx512_bf16");
  if (dots.amx) computer.features.emplace_back("amx");
  if (dots.arm_bf16) computer.features.emplace_back("bf16");
  Allowance allowance = ReadAllowance();
  computer.threads = allowance.processors;
  computer.threads_by = std::move(allowance.processors_by);
  computer.ram_bytes = allowance.memory_bytes;
  computer.available_bytes = allowance.available_bytes;
  computer.ram_by = std::move(allowance.memory_by);
  computer.last_cache_bytes = LastCacheBytes();
  return computer;
}

}  // namespace hadal::machine
