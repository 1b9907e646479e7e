#include "engine/footprint.h"

#include <algorithm>
#include <utility>

#include "arch/inventory.h"
#include "arch/tensor_names.h"
#include "base/progress.h"
#include "base/table.h"
#include "base/units.h"
#include "cost/engine_memory.h"
#include "model/expert_places.h"

namespace hadal::engine {
namespace {

constexpr std::uint64_t kReserveBytes = 16'000'000;  // stacks, buffers of text and files
constexpr std::uint64_t kPerThreadBytes = 1'000'000;
constexpr std::uint64_t kPerTokenBytes = 12;    // its id, its text, its id in a snapshot's note
constexpr std::uint64_t kPerBlockBytes = 4096;  // rounding of an allocation, at most

std::string MappedNote(const Footprint& f, std::uint64_t available, const Allowance& allowance) {
  const std::uint64_t left = available - f.ahead();
  if (f.weights <= left) return {};
  return fmt::format(
      "the weights are {}, and {} leaves {} for them: much of them is read from disk every time",
      FormatBytes(f.weights), allowance.available_by, FormatBytes(left));
}

// What of mapped weights would stay on disk if experts did: all but the fewest that are held.
std::uint64_t OnDiskLess(const model::Model& model) {
  std::uint64_t bytes = 0, experts = 0;
  for (const arch::TensorSpec& spec : arch::TensorsOf(model.config)) {
    if (!arch::IsRoutedExpert(spec.id.role)) continue;
    const io::TensorInfo* info = model.checkpoint().Info(spec.name);
    if (info == nullptr) continue;
    bytes += info->end - info->begin;
    experts += spec.id.role == arch::Role::kExpertW1 ? 1 : 0;
  }
  const std::uint64_t held = model.config.num_experts_per_tok + 1;
  return experts <= held ? 0 : bytes - bytes / experts * held;
}

// Free memory that this run may take.
std::uint64_t Available(const Footprint& f, std::optional<std::uint64_t> ram_bytes,
                        const Allowance& allowance) {
  const std::uint64_t available = allowance.available_bytes;
  return f.streams() && !ram_bytes ? available - available / kReservedShare : available;
}

// The same less what was taken before, within the budget; 0: nobody says.
std::uint64_t LeftBytes(const Footprint& f, std::optional<std::uint64_t> ram_bytes,
                        const Allowance& allowance) {
  const std::uint64_t available = Available(f, ram_bytes, allowance);
  if (!ram_bytes) return available;
  const std::uint64_t left = *ram_bytes - std::min(*ram_bytes, f.dense + f.taken);
  return available == 0 ? left : std::min(left, available);
}

std::string StreamingNote(const Footprint& f, std::uint64_t held, std::uint64_t loan) {
  const std::uint64_t own = held / f.expert, more = std::min(loan / f.expert, f.experts - own);
  return fmt::format(
      "experts are read from disk as they are wanted: {} of {} are held, in {}{}", FormatCount(own),
      FormatCount(f.experts), FormatBytes(held),
      more == 0 ? "" : fmt::format(", and {} where no prefix is kept", FormatCount(more)));
}

}  // namespace

Footprint PlanFootprint(const model::Model& model, const arch::KvLayout& layout,
                        const FootprintQuery& query) {
  const std::uint64_t state =
      query.sequences * cost::AllocatedState(model.config, layout, query.tokens).total();
  const std::uint64_t blocks = query.sequences * (arch::PagesOf(query.tokens) + 1);
  Footprint f{.tokens = query.tokens, .sequences = query.sequences};
  if (model.checkpoint().mapped()) {
    f.weights = model.checkpoint().tensor_bytes();
    f.on_disk_less = OnDiskLess(model);
  } else {
    const model::ExpertPlaces places = model::ExpertPlaces::Of(model);
    f.dense = model.checkpoint().resident_bytes();
    f.expert = places.slot_bytes();
    f.experts = places.count();
    // One more than a token chooses: it is read while another is computed with.
    f.least_experts = std::min<std::uint64_t>(f.experts, model.config.num_experts_per_tok + 1);
  }
  f.fixed = query.sequences * layout.fixed_bytes;
  f.pages = state - f.fixed;
  f.prefixes = query.prefix_bytes;
  f.scratch = cost::ScratchBytes(model.config, layout, query.chunk_tokens, query.threads);
  // Where weights are mapped, pages of files are mostly theirs; elsewhere the program's own.
  const std::uint64_t resident = f.streams() ? ResidentBytes() : AnonymousResidentBytes();
  f.taken = resident - std::min(resident, f.dense);
  // One fixed block more: of the scheduler, for a pass that is dropped (engine/scheduler.cc).
  f.program = layout.fixed_bytes + kReserveBytes + query.threads * kPerThreadBytes +
              query.sequences * query.tokens * kPerTokenBytes +
              blocks * std::min(kPerBlockBytes, layout.page_bytes / 64 + 64);
  f.beside = query.beside_bytes;
  return f;
}

std::string FootprintTable(const Footprint& f) {
  Table table({"needed", ">"});
  if (f.streams()) {
    table.Row({"dense weights", FormatBytes(f.dense)});
    table.Row({fmt::format("{} of {} experts, at least", f.least_experts, FormatCount(f.experts)),
               FormatBytes(f.expert * f.least_experts)});
  } else {
    table.Row({"weights, mapped", FormatBytes(f.weights)});
  }
  table.Row({fmt::format("pages of {} x {} tokens", f.sequences, FormatCount(f.tokens)),
             FormatBytes(f.pages)});
  table.Row({"windows and tails", FormatBytes(f.fixed)});
  if (f.prefixes > 0) table.Row({"kept prefixes", FormatBytes(f.prefixes)});
  table.Row({"scratch", FormatBytes(f.scratch)});
  table.Row({"program", FormatBytes(f.taken + f.program)});
  if (f.beside > 0) table.Row({"set aside for requests", FormatBytes(f.beside)});
  table.Row({"all", FormatBytes(f.total())});
  return table.Text();
}

std::uint64_t HeldExpertBytes(const Footprint& f, std::optional<std::uint64_t> ram_bytes,
                              const Allowance& allowance) {
  std::uint64_t left = f.expert * f.experts;
  const auto leave = [&](std::uint64_t there, std::uint64_t needed) {
    left = std::min(left, there - std::min(there, needed));
  };
  if (ram_bytes) leave(*ram_bytes, f.dense + f.taken + f.ahead());
  const std::uint64_t available = Available(f, ram_bytes, allowance);
  if (available > 0) leave(available, f.ahead());
  return left;
}

std::uint64_t LoanBytes(const Footprint& f, const Allowance& allowance) {
  return f.streams() && !allowance.addresses_bounded ? f.prefixes : 0;
}

Result<std::string> CheckMemory(const Footprint& footprint, std::optional<std::uint64_t> ram_bytes,
                                const Allowance& allowance) {
  if (ram_bytes && footprint.total() > *ram_bytes)
    return Fail(Code::kExhausted, "this needs {}, the budget is {}{}\n{}",
                FormatBytes(footprint.total()), FormatBytes(*ram_bytes),
                footprint.on_disk_less > kReserveBytes
                    ? fmt::format("; --experts disk needs about {} less",
                                  FormatBytes(footprint.on_disk_less))
                    : "",
                FootprintTable(footprint));
  const std::uint64_t available = Available(footprint, ram_bytes, allowance);
  const std::uint64_t needed = footprint.ahead() + footprint.expert * footprint.least_experts;
  if (available > 0 && needed > available)
    return Fail(Code::kExhausted, "this needs {} beside the {} weights, {} leaves {}\n{}",
                FormatBytes(needed), footprint.streams() ? "dense" : "mapped",
                allowance.available_by, FormatBytes(available), FootprintTable(footprint));
  if (footprint.streams())
    return StreamingNote(footprint, HeldExpertBytes(footprint, ram_bytes, allowance),
                         LoanBytes(footprint, allowance));
  if (available == 0) return std::string();
  return MappedNote(footprint, available, allowance);
}

Result<MemoryPlan> PlanMemory(const std::function<Footprint(std::size_t rows)>& footprint_of,
                              std::size_t rows, std::size_t most_rows,
                              std::optional<std::uint64_t> ram_bytes, const Allowance& allowance) {
  constexpr std::uint64_t kScratchShare = 8;  // one in so many, of what there is
  MemoryPlan plan{.footprint = footprint_of(rows), .rows = rows};
  const std::uint64_t left = LeftBytes(plan.footprint, ram_bytes, allowance);
  while (plan.footprint.streams() && plan.rows < most_rows) {
    const std::size_t more = std::min(2 * plan.rows, most_rows);
    const Footprint larger = footprint_of(more);
    if (larger.scratch > left / kScratchShare) break;
    plan.rows = more;
    plan.footprint = larger;
  }
  auto note = CheckMemory(plan.footprint, ram_bytes, allowance);
  while (!note.ok() && plan.rows > rows) {
    plan.rows = std::max(plan.rows / 2, rows);
    plan.footprint = footprint_of(plan.rows);
    note = CheckMemory(plan.footprint, ram_bytes, allowance);
  }
  if (!note.ok()) return note.error();
  plan.note = std::move(*note);
  plan.expert_bytes = HeldExpertBytes(plan.footprint, ram_bytes, allowance);
  plan.loan_bytes = LoanBytes(plan.footprint, allowance);
  return plan;
}

Result<MemoryPlan> PlanMemory(const model::Model& model, const arch::KvLayout& layout,
                              const FootprintQuery& query, std::size_t most_rows,
                              std::optional<std::uint64_t> ram_bytes, const Allowance& allowance) {
  Footprint footprint = PlanFootprint(model, layout, query);
  const auto footprint_of = [&](std::size_t rows) {  // all but scratch is the same
    footprint.scratch = cost::ScratchBytes(model.config, layout, rows, query.threads);
    return footprint;
  };
  return PlanMemory(footprint_of, query.chunk_tokens, most_rows, ram_bytes, allowance);
}

}  // namespace hadal::engine
