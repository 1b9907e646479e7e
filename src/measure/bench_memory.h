// What a bench may take of memory, and what it took.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "arch/kv_layout.h"
#include "cache/sequence.h"
#include "engine/expert_memory.h"
#include "measure/bench.h"
#include "model/weights.h"

namespace hadal::measure {

// A buffer to read memory from: of `wanted` bytes, but of a quarter of what there is at most.
std::uint64_t BufferBytes(std::uint64_t wanted, const std::optional<std::uint64_t>& ram_bytes);
// Of the buffer that is read beside decoding, and of the one that measures the machine.
std::uint64_t ReadBufferBytes(const BenchOptions& options);
std::uint64_t MachineBufferBytes(const BenchOptions& options, const model::Model& model);
// For MeasureOptions::disk_bytes.
std::uint64_t DiskTestBytes(const BenchOptions& options, const model::Model& model);

// What a figure would take: `sequences` of `tokens` each beside the buffers of a forward pass.
struct MemoryNeed {
  std::string what;  // "prefill at depth 4,096"
  std::uint64_t tokens = 0, sequences = 1;
  std::uint64_t scratch_bytes = 0;
  std::uint64_t held_bytes = 0;  // of experts that otherwise stay on disk
};
// What a bench needs beside the model, its experts and states: the buffer that is read beside
// decoding, and the program.
std::uint64_t OwnBytes(const BenchOptions& options);
std::uint64_t HeldBytes(const engine::ExpertMemory& experts);
// Of `all` experts, those for which there is no room. 0: the model is mapped.
double NotHeldBytes(const engine::ExpertMemory& experts, std::uint64_t all);

// None: it fits into --ram, or into what is free. Else the note that says what is left out and why.
std::optional<std::string> LeftOut(const BenchOptions& options, const model::Model& model,
                                   const arch::KvLayout& layout, const MemoryNeed& need);

// The memory of sequences by component, with the process's own: the last part of a report.
// state_rss: by how much the process grew as they were filled.
std::vector<MemoryPart> MemoryParts(const model::Model& model, const arch::KvLayout& layout,
                                    std::span<const cache::Sequence> sequences,
                                    std::uint64_t scratch_bytes, std::uint64_t held_bytes,
                                    std::uint64_t state_rss);

}  // namespace hadal::measure
