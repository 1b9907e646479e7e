#include "base/topology.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "testing/temp_folder.h"

namespace hadal {
namespace {

using Processors = std::vector<std::size_t>;

class FakeMachine {
 public:
  void Write(const std::string& path, const std::string& text) const {
    const std::filesystem::path whole = root() + "/sys/devices/system/" + path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }
  const std::string& root() const { return folder_.path(); }

 private:
  testing::TempFolder folder_;
};

// Two nodes of two cores, each core with two processors: 0 and 4, 1 and 5 | 2 and 6, 3 and 7.
class TwoNodes : public FakeMachine {
 public:
  TwoNodes() {
    for (std::size_t core = 0; core < 4; ++core)
      for (const std::size_t processor : {core, core + 4})
        Write("cpu/cpu" + std::to_string(processor) + "/topology/core_cpus_list",
              std::to_string(core) + "," + std::to_string(core + 4) + "\n");
    Write("node/online", "0-1\n");
    Write("node/node0/cpulist", "0-1,4-5\n");
    Write("node/node1/cpulist", "2-3,6-7\n");
  }
};

TEST(Topology, ReadsListsAsTheKernelWritesThem) {
  EXPECT_EQ(ParseProcessorList("0-3,8,10-11\n"), (Processors{0, 1, 2, 3, 8, 10, 11}));
  EXPECT_EQ(ParseProcessorList("5"), Processors{5});
  for (const char* bad :
       {"", "\n", "a", "1-", "-1", "3-1", "1,,2", "0-99999999999999999999", "0-4000000000", "1 2"})
    EXPECT_EQ(ParseProcessorList(bad), Processors{}) << bad;
}

TEST(Topology, CountsProcessorsOfACoreOnce) {
  const TwoNodes machine;
  const Processors all = {0, 1, 2, 3, 4, 5, 6, 7}, halves = {0, 1, 2, 3}, whole = {0, 4},
                   mixed = {0, 4, 5};
  EXPECT_EQ(ReadTopology(all, machine.root()).cores, 4u);
  EXPECT_EQ(ReadTopology(halves, machine.root()).cores, 4u);
  EXPECT_EQ(ReadTopology(whole, machine.root()).cores, 1u);
  EXPECT_EQ(ReadTopology(mixed, machine.root()).cores, 2u);
}

TEST(Topology, ReadsTheOlderNameOfSiblings) {
  const FakeMachine machine;
  for (const char* cpu : {"cpu/cpu0", "cpu/cpu1"})
    machine.Write(std::string(cpu) + "/topology/thread_siblings_list", "0-1\n");
  EXPECT_EQ(ReadTopology(Processors{0, 1}, machine.root()).cores, 1u);
}

TEST(Topology, TakesACoreAProcessorAndOneNodeWhereNothingIsSaid) {
  const FakeMachine machine;
  const Topology topology = ReadTopology(Processors{2, 5}, machine.root());
  EXPECT_EQ(topology.cores, 2u);
  EXPECT_EQ(topology.nodes, (std::vector<Processors>{{2, 5}}));
}

TEST(Topology, HasTheNodesOfWhatIsAllowed) {
  const TwoNodes machine;
  EXPECT_EQ(ReadTopology(Processors{0, 1, 2, 5, 7}, machine.root()).nodes,
            (std::vector<Processors>{{0, 1, 5}, {2, 7}}));
  EXPECT_EQ(ReadTopology(Processors{2, 3}, machine.root()).nodes,
            (std::vector<Processors>{{2, 3}}));
}

TEST(Topology, SharesThreadsOutByProcessors) {
  const Topology topology{.cores = 6, .nodes = {{0, 1, 2, 3}, {4, 5}}};
  const auto nodes = [&](std::size_t threads) {
    Processors of;
    for (std::size_t t = 0; t < threads; ++t) of.push_back(NodeOfThread(t, threads, topology));
    return of;
  };
  EXPECT_EQ(nodes(6), (Processors{0, 0, 0, 0, 1, 1}));
  EXPECT_EQ(nodes(3), (Processors{0, 0, 1}));
  EXPECT_EQ(nodes(1), (Processors{0}));
  EXPECT_EQ(nodes(12), (Processors{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1}));
}

// In threads of their own, whose processors are nobody else's.
TEST(Topology, KeepsAThreadToItsNode) {
  const Processors allowed = AllowedProcessors();
  if (allowed.size() < 2) GTEST_SKIP() << "one processor";
  const Topology two{.cores = 2, .nodes = {{allowed[0]}, {allowed[1]}}};
  const Topology one{.cores = 2, .nodes = {{allowed[0]}}};
  const auto kept = [](std::size_t thread, const Topology& topology) {
    Processors processors;
    std::thread([&] {
      KeepToNode(thread, 2, topology);
      processors = AllowedProcessors();
    }).join();
    return processors;
  };
  EXPECT_EQ(kept(0, two), Processors{allowed[0]});
  EXPECT_EQ(kept(1, two), Processors{allowed[1]});
  EXPECT_EQ(kept(1, one), allowed);
}

}  // namespace
}  // namespace hadal
