// Files of a sequence's state, or of a part of it: what snapshots and the segments of a cache on
// disk are made of.
//
// docs/formats/snapshot.md has every field. A file holds the fixed block, or none of it; of the
// pages that its tokens take the last ones, all or some; and a note, which is its writer's own.
// Header, fixed block, note and each page carry a checksum of their own, so that damage is named by
// section, and a page in another's place is damage.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cache/sequence.h"
#include "io/file.h"
#include "io/input_file.h"

namespace hadal::cache {

// Of the format; others are not read. 1 had another fingerprint, 2 other notes, 3 shorter rings.
inline constexpr std::uint64_t kStateFileVersion = 4;

bool BeginsStateFile(std::string_view start);  // of any version

struct StateFileHeader {
  std::uint64_t owner = 0;  // what the state belongs to: no other may read it
  Progress done = {};       // tokens that it stands for
  Progress earliest = {};   // to which it can go back
  std::uint64_t fixed_bytes = 0, page_bytes = 0;
  std::uint64_t pages = 0;  // the last ones of `done`
  std::uint64_t note_bytes = 0;

  std::uint64_t first_page() const { return arch::PagesOf(done.tokens) - pages; }
};

// Section after section, which the page cache forgets: a budget for memory holds the state already.
// `fixed`, `note` and pages of the header's sizes; pages[0] is first_page().
Status WriteStateFile(const StateFileHeader& header, std::span<const std::byte> fixed,
                      std::string_view note, std::span<std::byte* const> pages,
                      io::AtomicFile* file);
// What the file will have.
std::uint64_t StateFileBytes(const StateFileHeader& header);

// Sections in their order, read into memory of the caller's; the page cache forgets what was read,
// a megabyte or a section at a time. One thread.
class StateFileReader {
 public:
  // The file's size and header agree, and with `whole` it holds the fixed block and all pages.
  // kCorrupt; kUnsupported: another version; kInvalid: not of this owner, or fixed block and pages
  // of other sizes than the layout's. All before anything is allocated.
  static Result<StateFileReader> Open(const std::string& path, std::uint64_t owner,
                                      const arch::KvLayout& layout, bool whole);

  // All of a file, of whatever layout, without keeping any. As Open.
  static Status Check(const std::string& path, std::uint64_t owner);

  const StateFileHeader& header() const { return header_; }
  const std::string& path() const { return file_.path(); }
  // Once each, in this order, the pages header().pages times. `out` has the section's size.
  // kCorrupt: its checksum is another.
  Status ReadFixed(std::span<std::byte> out);
  void SkipFixed();
  Result<std::string> ReadNote(std::uint64_t max_bytes);  // kExhausted: it has more
  Status ReadPage(std::span<std::byte> out);

 private:
  explicit StateFileReader(io::InputFile file) : file_(std::move(file)) {}
  Status ReadHeader();
  Status CheckOwner(std::uint64_t owner) const;
  Status CheckLayout(const arch::KvLayout& layout, bool whole) const;
  Status CheckSizes(bool whole) const;
  Status ReadSection(std::span<std::byte> out, std::uint64_t seed, const std::string& name);

  io::InputFile file_;
  StateFileHeader header_;
  std::uint64_t at_ = 0, forgotten_ = 0, next_page_ = 0;
};

}  // namespace hadal::cache
