#include "kernels/isa.h"

#include <atomic>
#include <cstdlib>
#include <string>
#include <vector>

#include "kernels/simd.h"

namespace hadal::kernels {
namespace {

std::vector<Isa> DetectIsas() {
  std::vector<Isa> isas = DetectSimd();
  isas.insert(isas.begin(), Isa::kRef);
  return isas;
}

const Isa* FindRunnable(std::string_view name) {
  for (const Isa& isa : RunnableIsas())
    if (IsaName(isa) == name) return &isa;
  return nullptr;
}

const char* ForcedIsa() {
  const char* forced = std::getenv("HADAL_FORCE_ISA");
  return forced == nullptr || *forced == '\0' ? nullptr : forced;
}

// A name that nothing answers to leaves the best one active; CheckForcedIsa reports it.
Isa InitialIsa() {
  const char* forced = ForcedIsa();
  const Isa* found = forced == nullptr ? nullptr : FindRunnable(forced);
  return found != nullptr ? *found : RunnableIsas().back();
}

std::atomic<Isa>& ActiveSlot() {
  static std::atomic<Isa> slot(InitialIsa());
  return slot;
}

}  // namespace

std::string_view IsaName(Isa isa) {
  switch (isa) {
    case Isa::kRef:
      return "ref";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvxVnni:
      return "avxvnni";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kNeon:
      return "neon";
    case Isa::kI8mm:
      return "i8mm";
  }
  return "?";
}

std::span<const Isa> RunnableIsas() {
  static const std::vector<Isa> isas = DetectIsas();
  return isas;
}

Isa ActiveIsa() { return ActiveSlot().load(std::memory_order_relaxed); }

void SetActiveIsa(Isa isa) { ActiveSlot().store(isa, std::memory_order_relaxed); }

Status CheckForcedIsa() {
  const char* forced = ForcedIsa();
  if (forced == nullptr || FindRunnable(forced) != nullptr) return Unit{};
  std::string names;
  for (Isa isa : RunnableIsas()) names += (names.empty() ? "" : ", ") + std::string(IsaName(isa));
  return Fail(Code::kInvalid, "HADAL_FORCE_ISA={}: this processor runs {}", forced, names);
}

}  // namespace hadal::kernels
