// Limits that the control groups of this process set: a container's memory and processor time.
//
// Both versions are read, side by side too: version 2 has one tree, version 1 one for each kind of
// limit. A group's limit holds for all below it, so every group from the process's own up to the
// top of what is mounted here counts. What cannot be read sets no limit.
//
// Source   the kernel's documentation, cgroup-v2.rst, cgroup-v1/memory.rst, scheduler/sched-bwc.rst
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hadal {

struct GroupMemory {
  std::string folder;               // of the group, "/sys/fs/cgroup/docker/1f0e"
  std::uint64_t limit_bytes = 0;    // of all its processes together
  std::uint64_t claimed_bytes = 0;  // used by them and not to be had back: without file pages
};

struct GroupQuota {
  std::string folder;
  double processors = 0;  // time of so many processors, on average
};

struct GroupLimits {
  std::vector<GroupMemory>
      memory;  // from the process's own group upwards, those with a limit alone
  std::vector<GroupQuota> quotas;
};

// `root` stands in front of /proc and of the folders where groups are mounted; "" is the machine
// itself.
GroupLimits ReadGroupLimits(const std::string& root);

}  // namespace hadal
