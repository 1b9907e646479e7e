#include "measure/bench_costs.h"

#include "cost/engine_products.h"

namespace hadal::measure {

double Sum(const cost::MacsByWork& macs) {
  double sum = 0;
  for (const std::uint64_t m : macs) sum += static_cast<double>(m);
  return sum;
}

double PeakSeconds(const cost::MacsByWork& macs, const machine::MachineReport& machine,
                   std::size_t threads) {
  double seconds = 0;
  for (std::size_t w = 0; w < cost::kWorks; ++w) {
    const auto product = cost::EngineProduct(static_cast<cost::Work>(w));
    if (macs[w] == 0 || !product) continue;
    const double peak = machine.OpsPerSecond(kernels::ArithmeticOf(*product), threads);
    if (peak > 0) seconds += 2 * static_cast<double>(macs[w]) / peak;
  }
  return seconds;
}

double DecodeBytes(const cost::CostModel& cost, std::uint64_t depth, std::uint64_t batch) {
  const double rows = static_cast<double>(batch);
  return cost::PassBytes(cost, depth + 1, rows) / rows;
}

std::vector<ComponentCost> DecodeCosts(const cost::CostModel& cost, std::uint64_t depth) {
  const cost::BytesByComponent bytes = cost::BytesReadByComponent(cost, depth + 1);
  const cost::MacsByComponent macs = cost::DecodeMacsByComponent(cost, depth + 1);
  std::vector<ComponentCost> costs;
  for (std::size_t i = 0; i < cost::kComponents; ++i) {
    const auto component = static_cast<cost::Component>(i);
    if (bytes[i] == 0 && macs[i] == 0) continue;
    costs.push_back({depth, cost::ComponentName(component), cost::ComponentKey(component), bytes[i],
                     2 * macs[i]});
  }
  return costs;
}

}  // namespace hadal::measure
