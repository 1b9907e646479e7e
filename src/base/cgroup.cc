#include "base/cgroup.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string_view>

namespace hadal {
namespace {

// A limit at or above this is version 1's way to say that there is none.
constexpr std::uint64_t kUnlimited = std::uint64_t{1} << 62;

// One tree of groups, as it is mounted here, and where in it this process is.
struct Tree {
  bool v2 = false;
  std::string kinds;        // v1: "cpu,cpuacct"; v2: empty, all of them
  std::string mount_point;  // "/sys/fs/cgroup/memory"
  std::string group;        // below it: "/docker/1f0e"; "" is the mount point itself

  bool Holds(std::string_view kind) const {
    return v2 || ("," + kinds + ",").find("," + std::string(kind) + ",") != std::string::npos;
  }
};

std::vector<std::string> Lines(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// The whole number that a file holds; none for "max", "-1" and what is no number.
std::optional<std::uint64_t> Number(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) return {};
  std::uint64_t value = 0;
  return std::istringstream(text) >> value ? std::optional(value) : std::nullopt;
}

std::optional<std::uint64_t> NumberIn(const std::string& path) {
  std::string word;
  std::ifstream(path) >> word;
  return Number(word);
}

// The sum of the named lines, each "name number".
std::uint64_t SumIn(const std::string& path, std::initializer_list<std::string_view> names) {
  std::uint64_t sum = 0;
  for (const std::string& line : Lines(path)) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos) continue;
    if (std::ranges::find(names, std::string_view(line).substr(0, space)) != names.end())
      sum += Number(line.substr(space + 1)).value_or(0);
  }
  return sum;
}

// Where `group` lies below a mount that shows the tree from `mounted` on. A container mostly sees
// its own group at the mount point; a group outside of what is mounted is looked for there too.
std::string Below(const std::string& mounted, const std::string& group) {
  if (group == "/" || group.starts_with("/..")) return "";
  if (mounted == "/") return group;
  if (group.compare(0, mounted.size() + 1, mounted + "/") == 0) return group.substr(mounted.size());
  return "";
}

// "31 23 0:28 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory"
std::optional<Tree> ParseMount(const std::string& line, const std::vector<std::string>& groups) {
  const std::size_t dash = line.find(" - ");
  if (dash == std::string::npos) return {};
  std::string id, parent, device, mounted, type, source;
  Tree tree;
  std::istringstream(line) >> id >> parent >> device >> mounted >> tree.mount_point;
  std::istringstream(line.substr(dash + 3)) >> type >> source >> tree.kinds;
  if (type != "cgroup" && type != "cgroup2") return {};
  tree.v2 = type == "cgroup2";
  for (const std::string& entry : groups) {  // "4:memory:/docker/1f0e", "0::/docker/1f0e"
    const std::size_t first = entry.find(':');
    const std::size_t second = first == std::string::npos ? first : entry.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string kinds = entry.substr(first + 1, second - first - 1);
    const bool same =
        kinds.empty() ? tree.v2 : !tree.v2 && tree.Holds(kinds.substr(0, kinds.find(',')));
    if (same) tree.group = Below(mounted, entry.substr(second + 1));
  }
  return tree;
}

std::optional<std::uint64_t> Least(std::optional<std::uint64_t> a, std::optional<std::uint64_t> b) {
  return !a ? b : !b ? a : std::min(*a, *b);
}

void ReadMemory(const Tree& tree, const std::string& root, const std::string& folder,
                GroupLimits* limits) {
  const std::string files = root + folder;
  GroupMemory memory{.folder = folder};
  std::optional<std::uint64_t> limit, used;
  std::uint64_t file_pages = 0;
  if (tree.v2) {  // beyond memory.high a process is slowed until it stands still
    limit = Least(NumberIn(files + "/memory.max"), NumberIn(files + "/memory.high"));
    used = NumberIn(files + "/memory.current");
    file_pages =
        SumIn(files + "/memory.stat", {"active_file", "inactive_file", "slab_reclaimable"});
  } else {
    limit = NumberIn(files + "/memory.limit_in_bytes");
    used = NumberIn(files + "/memory.usage_in_bytes");
    file_pages = SumIn(files + "/memory.stat", {"total_active_file", "total_inactive_file"});
  }
  if (!limit || *limit >= kUnlimited) return;
  memory.limit_bytes = *limit;
  memory.claimed_bytes = used.value_or(0) - std::min(used.value_or(0), file_pages);
  limits->memory.push_back(std::move(memory));
}

void ReadQuota(const Tree& tree, const std::string& root, const std::string& folder,
               GroupLimits* limits) {
  const std::string files = root + folder;
  std::optional<std::uint64_t> quota, period;
  if (tree.v2) {  // "50000 100000", "max 100000"
    std::string first, second;
    std::ifstream(files + "/cpu.max") >> first >> second;
    quota = Number(first);
    period = Number(second);
  } else {
    quota = NumberIn(files + "/cpu.cfs_quota_us");
    period = NumberIn(files + "/cpu.cfs_period_us");
  }
  if (!quota || !period || *period == 0) return;
  limits->quotas.push_back({folder, static_cast<double>(*quota) / static_cast<double>(*period)});
}

}  // namespace

GroupLimits ReadGroupLimits(const std::string& root) {
  const std::vector<std::string> groups = Lines(root + "/proc/self/cgroup");
  GroupLimits limits;
  for (const std::string& line : Lines(root + "/proc/self/mountinfo")) {
    const std::optional<Tree> tree = ParseMount(line, groups);
    if (!tree) continue;
    std::string group = tree->group;
    while (true) {
      const std::string folder = tree->mount_point + group;
      if (tree->Holds("memory")) ReadMemory(*tree, root, folder, &limits);
      if (tree->Holds("cpu")) ReadQuota(*tree, root, folder, &limits);
      if (group.empty()) break;
      group.resize(group.rfind('/'));
    }
  }
  return limits;
}

}  // namespace hadal
