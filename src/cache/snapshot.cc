#include "cache/snapshot.h"

#include <utility>

#include "io/file.h"

namespace hadal::cache {

Status SaveSnapshot(const Sequence& sequence, std::uint64_t fingerprint, std::string_view note,
                    const std::string& path) {
  const arch::KvLayout& layout = sequence.pool().layout();
  const model::SequenceState& state = sequence.state();
  const std::uint64_t pages = arch::PagesOf(state.tokens);
  const StateFileHeader header{.owner = fingerprint,
                               .done = {state.tokens, state.mtp_tokens},
                               .earliest = sequence.earliest(),
                               .fixed_bytes = layout.fixed_bytes,
                               .page_bytes = layout.page_bytes,
                               .pages = pages,
                               .note_bytes = note.size()};
  HADAL_TRY(io::AtomicFile file, io::AtomicFile::Create(path));
  HADAL_TRY_STATUS(WriteStateFile(header, state.fixed, note, state.pages.first(pages), &file));
  return file.Commit();
}

Result<std::string> ReadSnapshotNote(const std::string& path, std::uint64_t fingerprint,
                                     const arch::KvLayout& layout, std::uint64_t max_note_bytes) {
  HADAL_TRY(StateFileReader reader, StateFileReader::Open(path, fingerprint, layout, true));
  reader.SkipFixed();
  return reader.ReadNote(max_note_bytes);
}

Result<Snapshot> LoadSnapshot(const std::string& path, std::uint64_t fingerprint,
                              std::shared_ptr<Pool> pool, std::uint64_t max_note_bytes) {
  HADAL_TRY(StateFileReader reader, StateFileReader::Open(path, fingerprint, pool->layout(), true));
  const StateFileHeader& header = reader.header();
  if (header.note_bytes > max_note_bytes) return reader.ReadNote(max_note_bytes).error();
  HADAL_TRY(Sequence sequence, Sequence::Create(std::move(pool)));
  model::SequenceState& state = sequence.state();
  HADAL_TRY_STATUS(reader.ReadFixed(state.fixed));
  HADAL_TRY(std::string note, reader.ReadNote(max_note_bytes));
  if (const Status room = sequence.Reserve(header.done.tokens); !room.ok())
    return Within(path, room.error());
  for (std::uint64_t p = 0; p < header.pages; ++p)
    HADAL_TRY_STATUS(reader.ReadPage({state.pages[p], header.page_bytes}));
  state.tokens = header.done.tokens;
  state.mtp_tokens = header.done.mtp_tokens;
  sequence.set_earliest(header.earliest);
  return Snapshot{std::move(sequence), std::move(note)};
}

}  // namespace hadal::cache
