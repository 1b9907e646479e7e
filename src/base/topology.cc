#include "base/topology.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "base/check.h"

namespace hadal {
namespace {

constexpr std::size_t kMostProcessors = std::size_t{1} << 18;

std::string LineOf(const std::string& path) {
  std::string line;
  std::ifstream file(path);
  std::getline(file, line);
  return line;
}

// Masks have room for so many processors; machines of more refuse one that is too short.
std::vector<cpu_set_t> MaskFor(std::size_t processors) {
  return std::vector<cpu_set_t>(processors / CPU_SETSIZE + 1);
}

// "0-3" or "8" -> first and last.
std::optional<std::pair<std::size_t, std::size_t>> ParseRange(std::string_view text) {
  std::size_t first = 0, last = 0;
  const char* end = text.data() + text.size();
  const auto begin = std::from_chars(text.data(), end, first);
  if (begin.ec != std::errc{}) return {};
  if (begin.ptr == end) return {{first, first}};
  if (*begin.ptr != '-') return {};
  const auto rest = std::from_chars(begin.ptr + 1, end, last);
  if (rest.ec != std::errc{} || rest.ptr != end || last < first) return {};
  return {{first, last}};
}

// The smallest processor of a core stands for it.
std::size_t CoreOf(std::size_t processor, const std::string& root) {
  const std::string folder =
      root + "/sys/devices/system/cpu/cpu" + std::to_string(processor) + "/topology/";
  for (const char* name : {"core_cpus_list", "thread_siblings_list"}) {
    const auto siblings = ParseProcessorList(LineOf(folder + name));
    if (!siblings.empty()) return siblings.front();
  }
  return processor;
}

}  // namespace

std::vector<std::size_t> ParseProcessorList(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  std::vector<std::size_t> processors;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const auto range = ParseRange(text.substr(0, comma));
    if (!range || range->second >= kMostProcessors) return {};
    for (std::size_t p = range->first; p <= range->second; ++p) processors.push_back(p);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  std::ranges::sort(processors);
  processors.erase(std::unique(processors.begin(), processors.end()), processors.end());
  return processors;
}

std::vector<std::size_t> AllowedProcessors() {
  std::vector<std::size_t> processors;
  for (std::size_t most = CPU_SETSIZE; most <= kMostProcessors; most *= 2) {
    std::vector<cpu_set_t> mask = MaskFor(most);
    const std::size_t bytes = mask.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, mask.data()) != 0) continue;
    for (std::size_t p = 0; p < 8 * bytes; ++p)
      if (CPU_ISSET_S(p, bytes, mask.data())) processors.push_back(p);
    break;
  }
  if (processors.empty()) processors.push_back(0);
  return processors;
}

bool KeepToProcessors(std::span<const std::size_t> processors) {
  HADAL_CHECK(!processors.empty());
  std::vector<cpu_set_t> mask = MaskFor(std::ranges::max(processors));
  const std::size_t bytes = mask.size() * sizeof(cpu_set_t);
  for (const std::size_t p : processors) CPU_SET_S(p, bytes, mask.data());
  return sched_setaffinity(0, bytes, mask.data()) == 0;
}

Topology ReadTopology(std::span<const std::size_t> processors, const std::string& root) {
  HADAL_CHECK(!processors.empty());
  std::set<std::size_t> cores;
  for (const std::size_t p : processors) cores.insert(CoreOf(p, root));
  Topology topology{.cores = cores.size(), .nodes = {}};
  const std::string folder = root + "/sys/devices/system/node/";
  for (const std::size_t node : ParseProcessorList(LineOf(folder + "online"))) {
    std::vector<std::size_t> all =
        ParseProcessorList(LineOf(folder + "node" + std::to_string(node) + "/cpulist"));
    std::erase_if(
        all, [&](std::size_t p) { return std::ranges::find(processors, p) == processors.end(); });
    if (!all.empty()) topology.nodes.push_back(std::move(all));
  }
  if (topology.nodes.empty()) topology.nodes.emplace_back(processors.begin(), processors.end());
  return topology;
}

std::size_t NodeOfThread(std::size_t thread, std::size_t threads, const Topology& topology) {
  HADAL_CHECK(thread < threads && !topology.nodes.empty());
  std::size_t processors = 0;
  for (const auto& node : topology.nodes) processors += node.size();
  std::size_t place = thread * processors / threads, node = 0;
  while (place >= topology.nodes[node].size()) place -= topology.nodes[node++].size();
  return node;
}

void KeepToNode(std::size_t thread, std::size_t threads, const Topology& topology) {
  if (topology.nodes.size() < 2) return;
  KeepToProcessors(topology.nodes[NodeOfThread(thread, threads, topology)]);
}

}  // namespace hadal
