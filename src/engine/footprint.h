// What a run will hold in memory, known before it starts: the same sums as cost/ and as the
// allocator's.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "arch/kv_layout.h"
#include "base/allowance.h"
#include "base/result.h"
#include "model/weights.h"

namespace hadal::engine {

struct Footprint {
  std::uint64_t tokens = 0, sequences = 0;  // of context each
  std::uint64_t weights = 0;                // mapped: resident as far as they are used
  std::uint64_t on_disk_less = 0;           // .. and how much less this were with experts on disk
  std::uint64_t dense = 0;  // of weights that are not mapped, what was read into memory
  // Experts that stay on disk: bytes of one, how many there are, how many must be held.
  std::uint64_t expert = 0, experts = 0, least_experts = 0;
  std::uint64_t fixed = 0, pages = 0;  // of all sequences
  std::uint64_t prefixes = 0;          // what is kept of texts, beside those, at most
  std::uint64_t scratch = 0;
  std::uint64_t taken = 0;    // what the process holds already beside `dense`
  std::uint64_t program = 0;  // stacks, texts, and what allocators round up
  std::uint64_t beside = 0;   // set aside by the program for what it keeps besides
  std::uint64_t state() const { return fixed + pages + prefixes; }
  // What is still to be allocated, and must be resident while it computes.
  std::uint64_t ahead() const { return state() + scratch + program + beside; }
  std::uint64_t total() const { return weights + dense + expert * least_experts + taken + ahead(); }
  bool streams() const { return experts > 0; }  // experts from disk
};

struct FootprintQuery {
  std::uint64_t tokens = 0, sequences = 1;
  std::size_t chunk_tokens = 256, threads = 1;
  std::uint64_t prefix_bytes = 0;
  std::uint64_t beside_bytes = 0;  // what the program keeps besides: a server's requests
};
Footprint PlanFootprint(const model::Model& model, const arch::KvLayout& layout,
                        const FootprintQuery& query);

// What the system keeps for itself and others of the memory that is free, where no budget is given
// and experts fill what is left.
inline constexpr std::uint64_t kReservedShare = 16;  // one in so many

// For experts that are held, of a footprint that CheckMemory has let through: what the budget, or
// the free memory less kReservedShare, leaves. 0: none stays on disk.
std::uint64_t HeldExpertBytes(const Footprint& footprint, std::optional<std::uint64_t> ram_bytes,
                              const Allowance& allowance = ReadAllowance());

// For more of them: the prefixes' part, as long as no prefix is worth more there
// (engine/expert_loan.h). 0 where addresses are bounded, of which either use would want its own.
std::uint64_t LoanBytes(const Footprint& footprint, const Allowance& allowance = ReadAllowance());

std::string FootprintTable(const Footprint& footprint);

// kExhausted: all of it is more than ram_bytes, if given, or what is ahead is more than this
// process can have here (less kReservedShare, as for HeldExpertBytes, if experts stay on disk); the
// error holds the table. Otherwise a line to show: that the mapped weights are more than the memory
// left for them, so that they will be read again and again; how many experts are held, if they stay
// on disk; empty: nothing to say.
Result<std::string> CheckMemory(const Footprint& footprint, std::optional<std::uint64_t> ram_bytes,
                                const Allowance& allowance = ReadAllowance());

// How a run divides its memory.
struct MemoryPlan {
  Footprint footprint = {};
  std::size_t rows = 0;            // of a pass
  std::uint64_t expert_bytes = 0;  // for experts that are held; 0: none stays on disk
  std::uint64_t loan_bytes = 0;    // for more of them, of footprint.prefixes
  std::string note = {};           // of CheckMemory
};

// Passes of query.chunk_tokens rows; where experts stay on disk, of up to most_rows, so that
// prompts read each expert seldom: doubled while their scratch takes an eighth at most of what
// there is, and halved again while that does not fit. kExhausted as CheckMemory.
inline constexpr std::size_t kMostStreamedRows = 4096;
Result<MemoryPlan> PlanMemory(const model::Model& model, const arch::KvLayout& layout,
                              const FootprintQuery& query, std::size_t most_rows,
                              std::optional<std::uint64_t> ram_bytes,
                              const Allowance& allowance = ReadAllowance());
// The same of the footprint by rows of a pass.
Result<MemoryPlan> PlanMemory(const std::function<Footprint(std::size_t rows)>& footprint_of,
                              std::size_t rows, std::size_t most_rows,
                              std::optional<std::uint64_t> ram_bytes, const Allowance& allowance);

}  // namespace hadal::engine
