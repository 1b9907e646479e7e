// Which processors this process may run on, which of them share a core, and which lie beside which
// memory.
//
// A core that runs two threads at once gives them together little more than one alone, where both
// keep its arithmetic or its reads of memory busy, as here: threads are counted by cores. On a
// machine with several nodes of memory, a thread reads its own node's faster, and a page lies on
// the node of the thread that touches it first: workers of a pool keep to a node each, and as each
// begins with the same block of a matrix every time, what it reads comes to lie beside it. Within a
// node the system moves threads as it likes, away from processors that others use.
//
// What the system does not say changes nothing: a core a processor, one node.
//
// Source   the kernel's documentation, ABI/stable/sysfs-devices-system-cpu and -node
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

// A list as the kernel writes it, "0-3,8"; empty if it is none.
std::vector<std::size_t> ParseProcessorList(std::string_view text);

// The calling thread's, ascending, at least one; and setting them, which the system may refuse.
std::vector<std::size_t> AllowedProcessors();
bool KeepToProcessors(std::span<const std::size_t> processors);

struct Topology {
  std::size_t cores = 1;                        // that the processors belong to
  std::vector<std::vector<std::size_t>> nodes;  // their processors; at least one
};

// Of these processors, at least one. `root` stands in front of /sys.
Topology ReadTopology(std::span<const std::size_t> processors, const std::string& root = "");

// Which of topology.nodes the thread keeps to, of so many: neighbours share one, and each has as
// many as its share of the processors.
std::size_t NodeOfThread(std::size_t thread, std::size_t threads, const Topology& topology);

// Has the calling thread keep to its node, if there are several.
void KeepToNode(std::size_t thread, std::size_t threads, const Topology& topology);

}  // namespace hadal
