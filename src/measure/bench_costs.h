// What the figures of a bench are divided by: bytes and operations of the cost model, and the time
// that they would take at the limits measured of the machine.
#pragma once
#include <cstdint>
#include <vector>

#include "cost/cost_model.h"
#include "machine/measure.h"
#include "measure/bench_figures.h"

namespace hadal::measure {

double Sum(const cost::MacsByWork& macs);
// At the peaks of the instructions that the kernels use for each kind of product.
double PeakSeconds(const cost::MacsByWork& macs, const machine::MachineReport& machine,
                   std::size_t threads);

// Read from memory for each token of a batch at a depth; experts that a batch shares once.
double DecodeBytes(const cost::CostModel& cost, std::uint64_t depth, std::uint64_t batch);

// Of decoding one token at a depth, by component.
std::vector<ComponentCost> DecodeCosts(const cost::CostModel& cost, std::uint64_t depth);

}  // namespace hadal::measure
