#include "cache/prefix_use.h"

namespace hadal::cache {

const char* PrefixMissName(PrefixMiss miss) {
  switch (miss) {
    case PrefixMiss::kNone:
      return "none";
    case PrefixMiss::kNew:
      return "new";
    case PrefixMiss::kDiffers:
      return "differs";
    case PrefixMiss::kNoCheckpoint:
      return "no_checkpoint";
    case PrefixMiss::kDropped:
      return "dropped";
    case PrefixMiss::kNoMemory:
      break;
  }
  return "no_memory";
}

const char* DiskOutcomeName(DiskOutcome outcome) {
  switch (outcome) {
    case DiskOutcome::kNotAsked:
      return "not_asked";
    case DiskOutcome::kRestored:
      return "restored";
    case DiskOutcome::kNothing:
      return "nothing";
    case DiskOutcome::kOtherModel:
      return "other_model";
    case DiskOutcome::kSlower:
      return "slower";
    case DiskOutcome::kBroken:
      return "broken";
    case DiskOutcome::kGone:
      return "gone";
    case DiskOutcome::kFailed:
      break;
  }
  return "failed";
}

void PrefixFigures::Count(const PrefixUse& use) {
  ++lookups;
  if (use.cached > 0) ++hits;
  tokens += use.tokens;
  cached_tokens += use.cached;
  disk_tokens += use.from_disk;
  if (use.known > use.cached) reread_tokens += use.known - use.cached;
  ++misses[static_cast<std::size_t>(use.miss)];
}

}  // namespace hadal::cache
