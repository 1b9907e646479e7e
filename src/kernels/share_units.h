// Sharing out among threads the units that the jobs of a product are cut into, by what they cost.
#pragma once
#include <algorithm>
#include <cstddef>
#include <span>

#include "base/threads.h"

namespace hadal::kernels {

// run(job, first, last) until every unit in [0, units(job)) of every job is done. The units of a
// job cost the same, cost(job) > 0 each; one unit of cost takes a thread about `ns`.
template <class Job, class Units, class Cost, class Run>
void ShareUnits(std::span<const Job> jobs, double ns, Threads& threads, Units units, Cost cost,
                Run run) {
  std::size_t total = 0;
  for (const Job& job : jobs) total += units(job) * cost(job);
  const std::size_t workers = threads.CountFor(ns * static_cast<double>(total));
  const std::size_t shares = workers == 1 ? 1 : workers * Threads::kPieces;
  const double share_ns = ns * static_cast<double>(total) / static_cast<double>(shares);
  threads.Run(shares, share_ns, [&](std::size_t share) {
    // The units whose costs, summed in order, begin in [begin, end).
    const std::size_t begin = total / shares * share;
    const std::size_t end = share + 1 == shares ? total : total / shares * (share + 1);
    std::size_t before = 0;
    for (const Job& job : jobs) {
      const std::size_t each = cost(job), after = before + units(job) * each;
      if (after > begin && before < end) {  // divides for the jobs that the share meets alone
        const auto from = [&](std::size_t place) {
          return place <= before ? 0 : (std::min(place, after) - before + each - 1) / each;
        };
        const std::size_t first = from(begin), last = from(end);
        if (first < last) run(job, first, last);
      }
      before = after;
    }
  });
}

}  // namespace hadal::kernels
