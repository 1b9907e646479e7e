// What this processor and this computer are, as far as hadal cares.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hadal::machine {

// Instructions beyond the sets of kernels/isa.h, usable by this process.
struct DotInstructions {
  bool avx512_vnni = false;  // int8 dots in 512 bits
  bool avx512_bf16 = false;  // BF16 dots
  bool amx = false;          // tiles; reported, not used
  bool arm_bf16 = false;     // BF16 dots of ARM; reported, not used
};
DotInstructions DetectDots();

struct Computer {
  std::string processor;              // "AMD EPYC 9B45"; empty where unknown
  std::vector<std::string> features;  // "avx2", "avx512", "avx512_vnni", ...
  // What this process may use, and what bounds it (base/allowance.h). 0: unknown.
  std::size_t threads = 1;
  std::uint64_t ram_bytes = 0, available_bytes = 0;
  std::string threads_by, ram_by;
  std::uint64_t last_cache_bytes = 0;  // of the last level, as one core sees it; 0: unknown
};
Computer DescribeComputer();

}  // namespace hadal::machine
