// What a run will hold in memory, known before it starts: the same sums as cost/ and as the allocator's.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "arch/kv_layout.h"
#include "base/result.h"
#include "model/weights.h"

namespace hadal::engine {

struct Footprint {
  std::uint64_t tokens = 0, sequences = 0;  // of context each
  std::uint64_t weights = 0;                // mapped: resident as far as they are used
  std::uint64_t fixed = 0, pages = 0;       // of all sequences
  std::uint64_t scratch = 0;
  std::uint64_t program = 0;  // what is there already, stacks, and what allocators round up
  std::uint64_t state() const { return fixed + pages; }
  std::uint64_t total() const { return weights + state() + scratch + program; }
};

struct FootprintQuery {
  std::uint64_t tokens = 0, sequences = 1;
  std::size_t chunk_tokens = 256, threads = 1;
};
Footprint PlanFootprint(const model::Model& model, const arch::KvLayout& layout,
                        const FootprintQuery& query);

std::string FootprintTable(const Footprint& footprint);
// kExhausted: more than budget_bytes; the error holds the table of what would be needed.
Status CheckFootprint(const Footprint& footprint, std::uint64_t budget_bytes);

}  // namespace hadal::engine
