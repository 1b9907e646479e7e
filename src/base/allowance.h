// What this process may use of its machine: the one place that knows every limit on memory and
// processors.
//
// Memory is bounded by the machine, by each control group that the process is in (cgroup.h), and by
// the limits on its address space and data (ulimit -v, -d). Processors are bounded by the affinity
// mask, which holds cpusets too, and by the groups' quotas of time.
//
// Reading it costs some tenths of a millisecond; the figures hold for the moment. Any thread may
// ask.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace hadal {

struct Allowance {
  std::size_t processors = 1;  // >= 1; a quota is rounded up
  std::size_t cores = 1;       // >= 1: processors of one core count once (base/topology.h)
  std::string
      processors_by;  // what bounds them: "the affinity mask", "the CPU quota of /sys/fs/..."

  // 0: the system does not say. The smallest limit, and what of it can still be had without taking
  // it from anybody: file pages, mapped weights among them, are given back and count as free. Of a
  // limit that is used up, one page is left.
  std::uint64_t memory_bytes = 0, available_bytes = 0;
  bool addresses_bounded = false;  // by ulimit: memory counts that is reserved and never written
  std::string memory_by,
      available_by;  // "the machine's memory", "the memory limit of /sys/fs/...", ...
};

// `root` stands in front of /proc and /sys: the tests have their own. The affinity mask and the
// limits of ulimit are this process's in any case.
Allowance ReadAllowance(const std::string& root = "");

}  // namespace hadal
