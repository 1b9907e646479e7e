#include "measure/bench_memory.h"

#include <algorithm>
#include <limits>

#include "base/progress.h"
#include "base/units.h"
#include "cost/engine_memory.h"
#include "machine/features.h"

namespace hadal::measure {
namespace {

constexpr std::uint64_t kReserveBytes =
    64'000'000;  // the program, its stacks and what malloc rounds up

// What the budget leaves beside weights that were read into memory.
std::uint64_t LeftBytes(const BenchOptions& options, const model::Model& model) {
  constexpr std::uint64_t kLeast = 4 << 20;
  if (!options.ram_bytes) return std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t taken = model.checkpoint().resident_bytes() + kReserveBytes;
  return std::max(kLeast, *options.ram_bytes - std::min(*options.ram_bytes, taken));
}

}  // namespace

std::uint64_t BufferBytes(std::uint64_t wanted, const std::optional<std::uint64_t>& ram_bytes) {
  const std::uint64_t most =
      ram_bytes ? std::max(*ram_bytes, kReserveBytes) : machine::DescribeComputer().available_bytes;
  return most == 0 ? wanted : std::min(wanted, most / 4);
}

std::uint64_t ReadBufferBytes(const BenchOptions& options) {
  return BufferBytes(std::uint64_t{1} << (options.quick ? 27 : 30), options.ram_bytes);
}

std::uint64_t MachineBufferBytes(const BenchOptions& options, const model::Model& model) {
  return std::min(BufferBytes(std::uint64_t{4} << (options.quick ? 27 : 30), options.ram_bytes),
                  LeftBytes(options, model));
}

std::uint64_t DiskTestBytes(const BenchOptions& options, const model::Model& model) {
  return std::min(std::uint64_t{1} << (options.quick ? 26 : 30), LeftBytes(options, model));
}

std::uint64_t OwnBytes(const BenchOptions& options) {
  return kReserveBytes + ReadBufferBytes(options);
}

std::uint64_t HeldBytes(const engine::ExpertMemory& experts) {
  const auto figures = experts.figures();
  return figures ? figures->slots * figures->slot_bytes : 0;
}

double NotHeldBytes(const engine::ExpertMemory& experts, std::uint64_t all) {
  const auto figures = experts.figures();
  return figures ? static_cast<double>((all - figures->slots) * figures->slot_bytes) : 0;
}

std::optional<std::string> LeftOut(const BenchOptions& options, const model::Model& model,
                                   const arch::KvLayout& layout, const MemoryNeed& need) {
  const std::uint64_t state =
      need.sequences * cost::AllocatedState(model.config, layout, need.tokens).total();
  // Weights are the page cache's: they count against --ram, but not against what is free now.
  const std::uint64_t own = state + need.scratch_bytes + kReserveBytes;
  const io::Checkpoint& files = model.checkpoint();
  const std::uint64_t weights =
      files.mapped() ? files.tensor_bytes() : files.resident_bytes() + need.held_bytes;
  const std::uint64_t bytes = options.ram_bytes ? own + weights + ReadBufferBytes(options) : own;
  const std::uint64_t have =
      options.ram_bytes ? *options.ram_bytes : machine::DescribeComputer().available_bytes;
  if (bytes <= have) return {};
  return fmt::format("{}: left out: needs {}{}, has {}", need.what, FormatBytes(bytes),
                     options.ram_bytes ? " with the weights" : "", FormatBytes(have));
}

std::vector<MemoryPart> MemoryParts(const model::Model& model, const arch::KvLayout& layout,
                                    std::span<const cache::Sequence> sequences,
                                    std::uint64_t scratch_bytes, std::uint64_t held_bytes,
                                    std::uint64_t state_rss) {
  cost::StateBytes all;
  for (const cache::Sequence& sequence : sequences) {
    all += cost::AllocatedState(model.config, layout,
                                sequence.state().pages.size() * arch::kPageTokens);
  }
  const io::Checkpoint& files = model.checkpoint();
  const MemoryPart weights = files.mapped()
                                 ? MemoryPart{"weights, mapped", "weights", files.tensor_bytes()}
                                 : MemoryPart{"dense weights", "weights", files.resident_bytes()};
  return {weights,
          {"held experts", "held_experts", held_bytes},
          {"window entries", "window", all.window},
          {"CSA entries", "csa", all.csa},
          {"latent entries", "latent", all.latent},
          {"index keys", "index_keys", all.index_keys},
          {"HCA entries", "hca", all.hca},
          {"tails", "tails", all.tails},
          {"MTP window", "mtp_window", all.mtp_window},
          {"for going back", "returning", all.returning},
          {"alignment", "padding", all.padding},
          {"scratch", "scratch", scratch_bytes},
          {"state, as RSS grew by it", "state_rss", state_rss},
          {"RSS", "rss", ResidentBytes()},
          {"RSS without files", "rss_own", AnonymousResidentBytes()},
          {"peak RSS", "rss_peak", PeakResidentBytes()}};
}

}  // namespace hadal::measure
