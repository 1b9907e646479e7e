#include "engine/footprint.h"

#include "base/progress.h"
#include "base/table.h"
#include "base/units.h"
#include "cost/engine_memory.h"

namespace hadal::engine {
namespace {

constexpr std::uint64_t kReserveBytes = 16'000'000;  // stacks, buffers of text and files
constexpr std::uint64_t kPerThreadBytes = 1'000'000;
constexpr std::uint64_t kPerTokenBytes = 12;    // its id, its text, its id in a snapshot's note
constexpr std::uint64_t kPerBlockBytes = 4096;  // rounding of an allocation, at most

}  // namespace

Footprint PlanFootprint(const model::Model& model, const arch::KvLayout& layout,
                        const FootprintQuery& query) {
  const std::uint64_t state =
      query.sequences * cost::AllocatedState(model.config, layout, query.tokens).total();
  const std::uint64_t blocks = query.sequences * (arch::PagesOf(query.tokens) + 1);
  Footprint f{.tokens = query.tokens, .sequences = query.sequences};
  f.weights = model.checkpoint().tensor_bytes();
  f.fixed = query.sequences * layout.fixed_bytes;
  f.pages = state - f.fixed;
  f.scratch = cost::ScratchBytes(model.config, layout, query.chunk_tokens, query.threads);
  f.taken = AnonymousResidentBytes();
  // One fixed block more: of the scheduler, for a pass that is dropped (engine/scheduler.cc).
  f.program = layout.fixed_bytes + kReserveBytes + query.threads * kPerThreadBytes +
              query.sequences * query.tokens * kPerTokenBytes +
              blocks * std::min(kPerBlockBytes, layout.page_bytes / 64 + 64);
  return f;
}

std::string FootprintTable(const Footprint& f) {
  Table table({"needed", ">"});
  table.Row({"weights, mapped", FormatBytes(f.weights)});
  table.Row({fmt::format("pages of {} x {} tokens", f.sequences, FormatCount(f.tokens)),
             FormatBytes(f.pages)});
  table.Row({"windows and tails", FormatBytes(f.fixed)});
  table.Row({"scratch", FormatBytes(f.scratch)});
  table.Row({"program", FormatBytes(f.taken + f.program)});
  table.Row({"all", FormatBytes(f.total())});
  return table.Text();
}

Result<std::string> CheckMemory(const Footprint& footprint, std::optional<std::uint64_t> ram_bytes,
                                const Allowance& allowance) {
  if (ram_bytes && footprint.total() > *ram_bytes)
    return Fail(Code::kExhausted, "this needs {}, the budget is {}\n{}",
                FormatBytes(footprint.total()), FormatBytes(*ram_bytes), FootprintTable(footprint));
  const std::uint64_t available = allowance.available_bytes;
  if (available == 0) return std::string();
  if (footprint.ahead() > available)
    return Fail(Code::kExhausted, "this needs {} beside the mapped weights, {} leaves {}\n{}",
                FormatBytes(footprint.ahead()), allowance.available_by, FormatBytes(available),
                FootprintTable(footprint));
  const std::uint64_t left = available - footprint.ahead();
  if (footprint.weights <= left) return std::string();
  return fmt::format(
      "the weights are {}, and {} leaves {} for them: much of them is read from disk every time",
      FormatBytes(footprint.weights), allowance.available_by, FormatBytes(left));
}

}  // namespace hadal::engine
