#include "base/allowance.h"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cgroup.h"
#include "base/topology.h"

namespace hadal {
namespace {

constexpr std::uint64_t kPage = 4096;

// The bytes of a line "key:   1234 kB".
std::optional<std::uint64_t> KibField(const std::string& path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, key.size(), key) != 0 || line.size() == key.size() ||
        line[key.size()] != ':')
      continue;
    std::uint64_t kib = 0;
    if (std::istringstream(line.substr(key.size() + 1)) >> kib) return kib * 1024;
  }
  return {};
}

void BoundProcessors(const GroupLimits& groups, const std::string& root, Allowance* allowance) {
  const std::vector<std::size_t> allowed = AllowedProcessors();
  allowance->processors = allowed.size();
  allowance->processors_by = "the affinity mask";
  for (const GroupQuota& quota : groups.quotas) {
    const double whole = std::max(std::ceil(quota.processors), 1.0);
    if (whole >= static_cast<double>(allowance->processors)) continue;
    allowance->processors = static_cast<std::size_t>(whole);
    allowance->processors_by = "the CPU quota of " + quota.folder;
  }
  allowance->cores = std::min(ReadTopology(allowed, root).cores, allowance->processors);
}

// Of `limit` bytes `used` are taken.
void BoundMemory(std::uint64_t limit, std::uint64_t used, const std::string& by,
                 Allowance* allowance) {
  if (allowance->memory_bytes == 0 || limit < allowance->memory_bytes) {
    allowance->memory_bytes = std::max(limit, kPage);
    allowance->memory_by = by;
  }
  const std::uint64_t left = std::max(limit - std::min(limit, used), kPage);
  if (allowance->available_bytes == 0 || left < allowance->available_bytes) {
    allowance->available_bytes = left;
    allowance->available_by = by;
  }
}

std::optional<std::uint64_t> SoftLimit(int resource) {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) return {};
  if (limit.rlim_cur == RLIM_INFINITY) return {};
  return limit.rlim_cur;
}

}  // namespace

Allowance ReadAllowance(const std::string& root) {
  const GroupLimits groups = ReadGroupLimits(root);
  Allowance allowance;
  BoundProcessors(groups, root, &allowance);
  const std::string meminfo = root + "/proc/meminfo", status = root + "/proc/self/status";
  if (const auto total = KibField(meminfo, "MemTotal"))
    BoundMemory(*total,
                *total - std::min(*total, KibField(meminfo, "MemAvailable").value_or(*total)),
                "the machine's memory", &allowance);
  for (const GroupMemory& group : groups.memory)
    BoundMemory(group.limit_bytes, group.claimed_bytes, "the memory limit of " + group.folder,
                &allowance);
  const auto addresses = SoftLimit(RLIMIT_AS), data = SoftLimit(RLIMIT_DATA);
  allowance.addresses_bounded = addresses || data;
  if (addresses)
    BoundMemory(*addresses, KibField(status, "VmSize").value_or(0),
                "the limit on address space (ulimit -v)", &allowance);
  if (data)
    BoundMemory(*data, KibField(status, "VmData").value_or(0), "the limit on data (ulimit -d)",
                &allowance);
  return allowance;
}

}  // namespace hadal
