#include "cache/state_file.h"

#include <array>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "base/units.h"
#include "io/checksum.h"

namespace hadal::cache {
namespace {

constexpr char kMagic[8] = {'h', 'a', 'd', 'a', 'l', 's', 'e', 'q'};

enum Field : std::size_t {
  kVersionField,
  kOwner,
  kTokens,
  kMtpTokens,
  kEarliestTokens,
  kEarliestMtpTokens,
  kFixedBytes,
  kPageBytes,
  kPages,
  kNoteBytes,
  kFields,
};
using Fields = std::array<std::uint64_t, kFields>;
constexpr std::size_t kHeaderBytes = sizeof(kMagic) + sizeof(Fields);
constexpr std::size_t kSumBytes = sizeof(std::uint64_t);
constexpr std::uint64_t kForgetBytes = 1 << 20;  // at a time

// Seeds: a section in another's place is damage too.
constexpr std::uint64_t kHeaderSeed = 1, kFixedSeed = 2, kNoteSeed = 3, kFirstPageSeed = 16;

std::array<std::byte, kHeaderBytes> HeaderBytes(const StateFileHeader& header) {
  Fields fields{};
  fields[kVersionField] = kStateFileVersion;
  fields[kOwner] = header.owner;
  fields[kTokens] = header.done.tokens;
  fields[kMtpTokens] = header.done.mtp_tokens;
  fields[kEarliestTokens] = header.earliest.tokens;
  fields[kEarliestMtpTokens] = header.earliest.mtp_tokens;
  fields[kFixedBytes] = header.fixed_bytes;
  fields[kPageBytes] = header.page_bytes;
  fields[kPages] = header.pages;
  fields[kNoteBytes] = header.note_bytes;
  std::array<std::byte, kHeaderBytes> bytes;
  std::memcpy(bytes.data(), kMagic, sizeof(kMagic));
  std::memcpy(bytes.data() + sizeof(kMagic), fields.data(), sizeof(fields));
  return bytes;
}

Status WriteSection(io::AtomicFile& file, std::span<const std::byte> bytes, std::uint64_t seed) {
  const std::uint64_t sum = io::Checksum(bytes, seed);
  HADAL_TRY_STATUS(file.Write(bytes));
  return file.Write(std::as_bytes(std::span(&sum, 1)));
}

// Absent: more than any file has.
std::optional<std::uint64_t> BytesOf(const StateFileHeader& h) {
  std::uint64_t all = kHeaderBytes + 3 * kSumBytes, page = 0, pages = 0;
  if (__builtin_add_overflow(h.page_bytes, kSumBytes, &page) ||
      __builtin_mul_overflow(h.pages, page, &pages) || __builtin_add_overflow(all, pages, &all) ||
      __builtin_add_overflow(all, h.fixed_bytes, &all) ||
      __builtin_add_overflow(all, h.note_bytes, &all))
    return std::nullopt;
  return all;
}

}  // namespace

bool BeginsStateFile(std::string_view start) {
  return start.starts_with(std::string_view(kMagic, sizeof(kMagic)));
}

Status WriteStateFile(const StateFileHeader& header, std::span<const std::byte> fixed,
                      std::string_view note, std::span<std::byte* const> pages,
                      io::AtomicFile* file) {
  HADAL_CHECK(fixed.size() == header.fixed_bytes && note.size() == header.note_bytes &&
              pages.size() == header.pages);
  file->ForgetWritten();
  HADAL_TRY_STATUS(WriteSection(*file, HeaderBytes(header), kHeaderSeed));
  HADAL_TRY_STATUS(WriteSection(*file, fixed, kFixedSeed));
  HADAL_TRY_STATUS(
      WriteSection(*file, std::as_bytes(std::span(note.data(), note.size())), kNoteSeed));
  for (std::size_t p = 0; p < pages.size(); ++p)
    HADAL_TRY_STATUS(WriteSection(*file, {pages[p], header.page_bytes},
                                  kFirstPageSeed + header.first_page() + p));
  return Unit{};
}

std::uint64_t StateFileBytes(const StateFileHeader& header) { return BytesOf(header).value(); }

Result<StateFileReader> StateFileReader::Open(const std::string& path, std::uint64_t owner,
                                              const arch::KvLayout& layout, bool whole) {
  HADAL_TRY(io::InputFile file, io::InputFile::Open(path));
  StateFileReader reader(std::move(file));
  HADAL_TRY_STATUS(reader.ReadHeader());
  HADAL_TRY_STATUS(reader.CheckOwner(owner));
  HADAL_TRY_STATUS(reader.CheckLayout(layout, whole));
  HADAL_TRY_STATUS(reader.CheckSizes(whole));
  return reader;
}

Status StateFileReader::ReadHeader() {
  const std::uint64_t all = file_.bytes();
  std::array<std::byte, kHeaderBytes> bytes{};
  if (all >= sizeof(kMagic))
    HADAL_TRY_STATUS(file_.Read(0, std::span(bytes).first(sizeof(kMagic))));
  if (all < sizeof(kMagic) || std::memcmp(bytes.data(), kMagic, sizeof(kMagic)) != 0)
    return Fail(Code::kCorrupt, "{}: not a snapshot: it does not begin with \"hadalseq\"", path());
  if (all < kHeaderBytes + kSumBytes)
    return Fail(Code::kCorrupt, "{}: header: found {} bytes, expected {}; the file was cut short",
                path(), all, kHeaderBytes + kSumBytes);
  Fields fields{};
  HADAL_TRY_STATUS(file_.Read(sizeof(kMagic), std::as_writable_bytes(std::span(fields))));
  if (fields[kVersionField] != kStateFileVersion && fields[kVersionField] < 1000)
    return Fail(Code::kUnsupported, "{}: found version {} of the format, expected {}", path(),
                fields[kVersionField], kStateFileVersion);
  HADAL_TRY_STATUS(ReadSection(bytes, kHeaderSeed, "header"));
  header_ = {.owner = fields[kOwner],
             .done = {fields[kTokens], fields[kMtpTokens]},
             .earliest = {fields[kEarliestTokens], fields[kEarliestMtpTokens]},
             .fixed_bytes = fields[kFixedBytes],
             .page_bytes = fields[kPageBytes],
             .pages = fields[kPages],
             .note_bytes = fields[kNoteBytes]};
  return Unit{};
}

Status StateFileReader::Check(const std::string& path, std::uint64_t owner) {
  HADAL_TRY(io::InputFile file, io::InputFile::Open(path));
  StateFileReader reader(std::move(file));
  HADAL_TRY_STATUS(reader.ReadHeader());
  HADAL_TRY_STATUS(reader.CheckOwner(owner));
  HADAL_TRY_STATUS(reader.CheckSizes(false));
  const StateFileHeader& h = reader.header_;
  std::vector<std::byte> section(h.fixed_bytes);  // the file is as large
  HADAL_TRY_STATUS(reader.ReadFixed(section));
  HADAL_TRY([[maybe_unused]] const std::string note, reader.ReadNote(h.note_bytes));
  section.resize(h.pages > 0 ? h.page_bytes : 0);
  for (std::uint64_t p = 0; p < h.pages; ++p) HADAL_TRY_STATUS(reader.ReadPage(section));
  return Unit{};
}

Status StateFileReader::CheckOwner(std::uint64_t owner) const {
  if (header_.owner == owner) return Unit{};
  return Fail(Code::kInvalid, "{}: made by another model (fingerprint {:016x}, expected {:016x})",
              path(), header_.owner, owner);
}

Status StateFileReader::CheckLayout(const arch::KvLayout& layout, bool whole) const {
  const StateFileHeader& h = header_;
  const bool fixed = h.fixed_bytes == layout.fixed_bytes || (!whole && h.fixed_bytes == 0);
  if (fixed && h.page_bytes == layout.page_bytes) return Unit{};
  return Fail(Code::kInvalid,
              "{}: found a fixed block of {} and pages of {} bytes, expected {} and {}", path(),
              h.fixed_bytes, h.page_bytes, layout.fixed_bytes, layout.page_bytes);
}

Status StateFileReader::CheckSizes(bool whole) const {
  const StateFileHeader& h = header_;
  const Progress& done = h.done;
  if (done.tokens > kMostTokens || done.mtp_tokens > kMostTokens ||
      h.pages > arch::PagesOf(done.tokens) || (whole && h.first_page() != 0))
    return Fail(Code::kCorrupt, "{}: header: found {} pages of {} tokens", path(), h.pages,
                done.tokens);
  if (h.earliest.tokens > done.tokens || h.earliest.mtp_tokens > done.mtp_tokens)
    return Fail(Code::kCorrupt, "{}: header: found {} tokens that can go back to {}, MTP {} to {}",
                path(), done.tokens, h.earliest.tokens, done.mtp_tokens, h.earliest.mtp_tokens);
  const std::uint64_t found = file_.bytes();
  const std::optional<std::uint64_t> want = BytesOf(h);
  if (want == found) return Unit{};
  const std::uint64_t expected = want.value_or(std::numeric_limits<std::uint64_t>::max());
  return Fail(Code::kCorrupt, "{}: found {} bytes, expected {}{}", path(), found, expected,
              found < expected ? "; the file was cut short" : "");
}

Status StateFileReader::ReadSection(std::span<std::byte> out, std::uint64_t seed,
                                    const std::string& name) {
  HADAL_TRY_STATUS(file_.Read(at_, out));
  std::uint64_t sum = 0;
  HADAL_TRY_STATUS(file_.Read(at_ + out.size(), std::as_writable_bytes(std::span(&sum, 1))));
  const std::uint64_t begin = std::exchange(at_, at_ + out.size() + kSumBytes);
  const bool whole = at_ == file_.bytes();
  if (whole || at_ - forgotten_ >= kForgetBytes) {
    file_.Forget(0, whole ? 0 : at_);
    forgotten_ = at_;
  }
  if (io::Checksum(out, seed) == sum) return Unit{};
  return Fail(Code::kCorrupt,
              "{}: {} (bytes {} to {}): its checksum is another; the file is damaged", path(), name,
              begin, at_);
}

Status StateFileReader::ReadFixed(std::span<std::byte> out) {
  HADAL_CHECK(out.size() == header_.fixed_bytes);
  return ReadSection(out, kFixedSeed, "fixed block");
}

void StateFileReader::SkipFixed() { at_ += header_.fixed_bytes + kSumBytes; }

Result<std::string> StateFileReader::ReadNote(std::uint64_t max_bytes) {
  if (header_.note_bytes > max_bytes)
    return Fail(Code::kExhausted, "{}: note: found {}, expected at most {}", path(),
                FormatBytes(header_.note_bytes), FormatBytes(max_bytes));
  try {
    std::string note(header_.note_bytes, '\0');
    HADAL_TRY_STATUS(ReadSection(std::as_writable_bytes(std::span(note.data(), note.size())),
                                 kNoteSeed, "note"));
    return note;
  } catch (const std::bad_alloc&) {
    return Fail(Code::kExhausted, "{}: no memory for a note of {}", path(),
                FormatBytes(header_.note_bytes));
  }
}

Status StateFileReader::ReadPage(std::span<std::byte> out) {
  HADAL_CHECK(out.size() == header_.page_bytes && next_page_ < header_.pages);
  const std::uint64_t page = next_page_++;
  return ReadSection(out, kFirstPageSeed + header_.first_page() + page,
                     fmt::format("page {} of {}", page + 1, header_.pages));
}

}  // namespace hadal::cache
