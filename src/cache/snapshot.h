// A sequence's whole state in a file: what was read back continues bit for bit like what was
// written.
//
// docs/formats/snapshot.md has every field. It is a state file (cache/state_file.h) that holds all
// of it: damage is named by section; the file appears whole or not at all.
// A snapshot says which model made it, and can only be read for that one: the fingerprint covers
// config, layout and weights (cache/fingerprint.h).
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cache/sequence.h"
#include "cache/state_file.h"
#include "io/place.h"

namespace hadal::cache {

inline constexpr io::FileKind kSnapshotKind = {"a snapshot", BeginsStateFile};

// `note` is the caller's own: which tokens were read, where sampling stands.
Status SaveSnapshot(const Sequence& sequence, std::uint64_t fingerprint, std::string_view note,
                    const std::string& path);

// The note alone, checked as LoadSnapshot does, without reading the state.
Result<std::string> ReadSnapshotNote(const std::string& path, std::uint64_t fingerprint,
                                     const arch::KvLayout& layout,
                                     std::uint64_t max_note_bytes = std::uint64_t{1} << 30);

struct Snapshot {
  Sequence sequence;
  std::string note;
};
// kCorrupt: truncated, too long, or a section whose checksum differs: names file and section.
// kUnsupported: another version. kInvalid: another model's. kExhausted: the pool, or a note above
// max_note_bytes. Nothing is allocated before the file's size and header agree.
Result<Snapshot> LoadSnapshot(const std::string& path, std::uint64_t fingerprint,
                              std::shared_ptr<Pool> pool,
                              std::uint64_t max_note_bytes = std::uint64_t{1} << 30);

}  // namespace hadal::cache
