// What a request got of the prefixes that are kept, and why not more.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace hadal::cache {

// Of tokens that had to be read although a prefix was looked for.
enum class PrefixMiss {
  kNone,          // all was there but the last token, which is read for its logits
  kNew,           // no text that is kept begins with the same token
  kDiffers,       // all that it has in common with kept texts was there: token `known` is another
  kNoCheckpoint,  // more is in common with a kept text, but no state is near behind which to go on
  kDropped,       // more was known once, and gave way to other states or to requests
  kNoMemory,      // a state was there, and no memory for another of it
};
inline constexpr std::size_t kPrefixMisses = 6;
const char* PrefixMissName(PrefixMiss miss);  // "differs"

// What a folder of states (cache/disk_prefixes.h) had for a request.
enum class DiskOutcome {
  kNotAsked,
  kRestored,    // a longer state than memory has, which was read
  kNothing,     // none that is longer
  kOtherModel,  // states, and none of this model and scope
  kSlower,      // one whose reading takes longer than reading its tokens
  kBroken,      // one that was damaged
  kGone,        // one that was evicted or removed before it was read
  kFailed,      // the index or the state cannot be read now, or there is no memory for it
};
inline constexpr std::size_t kDiskOutcomes = 8;
const char* DiskOutcomeName(DiskOutcome outcome);  // "slower"

struct PrefixUse {
  bool asked = false;        // false: no prefix was looked for
  std::uint64_t tokens = 0;  // of the text
  std::uint64_t cached = 0;  // that the state has processed which it goes on from
  std::uint64_t known =
      0;  // of a text that is or was kept; what lies behind `cached` is read again
  PrefixMiss miss = PrefixMiss::kNone;
  std::uint64_t from_disk = 0;  // of `cached`: all, or none
  DiskOutcome disk = DiskOutcome::kNotAsked;
};

struct PrefixFigures {
  std::uint64_t lookups = 0, hits = 0;  // requests; that got something
  std::uint64_t tokens = 0, cached_tokens = 0, reread_tokens = 0;
  std::uint64_t disk_tokens = 0;                         // of cached_tokens
  std::array<std::uint64_t, kPrefixMisses> misses = {};  // requests, by reason
  std::uint64_t made = 0, dropped = 0;                   // states
  std::uint64_t states = 0;                              // now

  void Count(const PrefixUse& use);
};

}  // namespace hadal::cache
