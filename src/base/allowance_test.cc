#include "base/allowance.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "base/cgroup.h"
#include "base/threads.h"
#include "base/topology.h"
#include "testing/sanitized.h"
#include "testing/temp_folder.h"

namespace hadal {
namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

// A machine of 64 GiB, 48 of them free, with nothing else said.
class FakeMachine {
 public:
  FakeMachine() {
    Write("/proc/meminfo",
          "MemTotal:       67108864 kB\nMemFree: 1 kB\nMemAvailable: 50331648 kB\n");
  }
  void Write(const std::string& path, const std::string& text) const {
    const std::filesystem::path whole = root() + path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }
  const std::string& root() const { return folder_.path(); }

 private:
  testing::TempFolder folder_;
};

// As docker and systemd have it: the process sees the tree down to its own group.
class V2Machine : public FakeMachine {
 public:
  V2Machine() {
    Write("/proc/self/cgroup", "0::/work.slice/job\n");
    Write("/proc/self/mountinfo",
          "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
  }
};

// 0 where `check` holds in a process of its own, whose limits are nobody else's.
int InChild(const std::function<bool()>& check) {
  const pid_t child = fork();
  if (child == 0) _exit(check() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(Allowance, IsTheMachinesMemoryWhereNothingLimitsIt) {
  const FakeMachine machine;
  const Allowance allowance = ReadAllowance(machine.root());
  EXPECT_EQ(allowance.memory_bytes, 64 * kGiB);
  EXPECT_EQ(allowance.available_bytes, 48 * kGiB);
  EXPECT_EQ(allowance.memory_by, "the machine's memory");
}

TEST(Allowance, SaysZeroWhereTheSystemSaysNothing) {
  const testing::TempFolder empty;
  const Allowance allowance = ReadAllowance(empty.path());
  EXPECT_EQ(allowance.memory_bytes, 0u);
  EXPECT_EQ(allowance.available_bytes, 0u);
  EXPECT_GE(allowance.processors, 1u);
}

TEST(Allowance, TakesTheSmallestLimitOfTheGroupsAbove) {
  const V2Machine machine;
  machine.Write("/sys/fs/cgroup/work.slice/job/memory.max", "max\n");
  machine.Write("/sys/fs/cgroup/work.slice/memory.max", "4294967296\n");
  machine.Write("/sys/fs/cgroup/work.slice/memory.current", "3221225472\n");
  machine.Write("/sys/fs/cgroup/work.slice/memory.stat",
                "anon 1\nactive_file 1073741824\ninactive_file 536870912\nslab_reclaimable 0\n");
  const Allowance allowance = ReadAllowance(machine.root());
  EXPECT_EQ(allowance.memory_bytes, 4 * kGiB);
  EXPECT_EQ(allowance.available_bytes, 4 * kGiB - 3 * kGiB / 2);  // file pages are given back
  EXPECT_EQ(allowance.memory_by, "the memory limit of /sys/fs/cgroup/work.slice");
}

TEST(Allowance, CountsTheLimitThatSlowsAProcessDown) {
  const V2Machine machine;
  machine.Write("/sys/fs/cgroup/work.slice/job/memory.max", "8589934592\n");
  machine.Write("/sys/fs/cgroup/work.slice/job/memory.high", "2147483648\n");
  EXPECT_EQ(ReadAllowance(machine.root()).memory_bytes, 2 * kGiB);
}

TEST(Allowance, LeavesOnePageOfALimitThatIsUsedUp) {
  const V2Machine machine;
  machine.Write("/sys/fs/cgroup/work.slice/job/memory.max", "1073741824\n");
  machine.Write("/sys/fs/cgroup/work.slice/job/memory.current", "1073741824\n");
  EXPECT_EQ(ReadAllowance(machine.root()).available_bytes, 4096u);
}

TEST(Allowance, ReadsVersion1AsAContainerSeesIt) {
  // The group's path is the machine's; what is mounted is the container's own part of it.
  const FakeMachine machine;
  machine.Write("/proc/self/cgroup",
                "4:memory:/docker/1f0e\n3:cpu,cpuacct:/docker/1f0e\n0::/docker/1f0e\n");
  machine.Write("/proc/self/mountinfo",
                "40 31 0:35 /docker/1f0e /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
                "41 31 0:36 /docker/1f0e /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup "
                "rw,cpu,cpuacct\n");
  machine.Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "2147483648\n");
  machine.Write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "1610612736\n");
  machine.Write("/sys/fs/cgroup/memory/memory.stat",
                "active_file 7\ntotal_active_file 536870912\ntotal_inactive_file 0\n");
  machine.Write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n");
  machine.Write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  const Allowance allowance = ReadAllowance(machine.root());
  EXPECT_EQ(allowance.memory_bytes, 2 * kGiB);
  EXPECT_EQ(allowance.available_bytes, kGiB);
  EXPECT_EQ(allowance.processors, 1u);
}

TEST(Allowance, ReadsVersion1FromTheTopOfTheTree) {
  const FakeMachine machine;
  machine.Write("/proc/self/cgroup", "4:memory:/a/b\n0::/\n");
  machine.Write("/proc/self/mountinfo",
                "32 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  machine.Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  machine.Write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1073741824\n");
  machine.Write("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
  const Allowance allowance = ReadAllowance(machine.root());
  EXPECT_EQ(allowance.memory_bytes, kGiB);
  EXPECT_EQ(allowance.memory_by, "the memory limit of /sys/fs/cgroup/memory/a");
}

TEST(Allowance, RoundsAQuotaUpAndTakesTheSmallest) {
  const V2Machine machine;
  machine.Write("/sys/fs/cgroup/work.slice/job/cpu.max", "max 100000\n");
  machine.Write("/sys/fs/cgroup/work.slice/cpu.max", "150000 100000\n");
  const GroupLimits limits = ReadGroupLimits(machine.root());
  ASSERT_EQ(limits.quotas.size(), 1u);
  EXPECT_EQ(limits.quotas[0].processors, 1.5);
  machine.Write("/sys/fs/cgroup/work.slice/job/cpu.max", "1000 100000\n");
  const Allowance allowance = ReadAllowance(machine.root());
  EXPECT_EQ(allowance.processors, 1u);
}

TEST(Allowance, CountsProcessorsOfACoreOnce) {
  const V2Machine machine;
  const std::vector<std::size_t> allowed = AllowedProcessors();
  const std::string list = fmt::format("{}", fmt::join(allowed, ","));
  for (const std::size_t p : allowed)
    machine.Write(fmt::format("/sys/devices/system/cpu/cpu{}/topology/core_cpus_list", p), list);
  EXPECT_EQ(ReadAllowance(machine.root()).processors, allowed.size());
  EXPECT_EQ(ReadAllowance(machine.root()).cores, 1u);
  const FakeMachine unknown;
  EXPECT_EQ(ReadAllowance(unknown.root()).cores, allowed.size());
  unknown.Write("/proc/self/cgroup", "0::/job\n");
  unknown.Write("/proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  unknown.Write("/sys/fs/cgroup/job/cpu.max", "50000 100000\n");
  EXPECT_EQ(ReadAllowance(unknown.root()).cores, 1u);
}

TEST(Allowance, KeepsToTheAffinityMask) {
  EXPECT_EQ(InChild([] {
              cpu_set_t mask;
              sched_getaffinity(0, sizeof(mask), &mask);
              int first = 0;
              while (!CPU_ISSET(first, &mask)) ++first;
              CPU_ZERO(&mask);
              CPU_SET(first, &mask);
              return sched_setaffinity(0, sizeof(mask), &mask) == 0 &&
                     ReadAllowance().processors == 1 && Threads::HardwareCount() == 1;
            }),
            0);
}

TEST(Allowance, KeepsToTheLimitsOfUlimit) {
  const auto bounded = [](auto resource, const char* by) {
    return InChild([&] {
      const rlimit limit{4 * kGiB, 4 * kGiB};
      if (setrlimit(resource, &limit) != 0) return false;
      const Allowance allowance = ReadAllowance();
      return allowance.memory_bytes <= 4 * kGiB && allowance.available_bytes < 4 * kGiB &&
             allowance.memory_by.find(by) != std::string::npos && allowance.addresses_bounded;
    });
  };
  if (ReadAllowance().memory_bytes < 4 * kGiB) GTEST_SKIP() << "this machine has less";
#if defined(HADAL_SANITIZED)
  GTEST_SKIP() << "a sanitizer takes address space without end";
#endif
  EXPECT_EQ(bounded(RLIMIT_AS, "ulimit -v"), 0);
  EXPECT_EQ(bounded(RLIMIT_DATA, "ulimit -d"), 0);
}

}  // namespace
}  // namespace hadal
