#include "cache/snapshot.h"

#include <array>
#include <cstring>
#include <utility>

#include "base/units.h"
#include "io/checksum.h"
#include "io/file.h"

namespace hadal::cache {
namespace {

constexpr char kMagic[8] = {'h', 'a', 'd', 'a', 'l', 's', 'e', 'q'};
constexpr std::uint64_t kVersion = 4;  // 1 had another fingerprint, 2 other notes, 3 shorter rings

enum Field : std::size_t {
  kVersionField,
  kFingerprint,
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
using Header = std::array<std::uint64_t, kFields>;
constexpr std::size_t kHeaderBytes = sizeof(kMagic) + sizeof(Header);
constexpr std::size_t kSumBytes = sizeof(std::uint64_t);

// Seeds: a section in another's place is damage too.
constexpr std::uint64_t kHeaderSeed = 1, kFixedSeed = 2, kNoteSeed = 3, kFirstPageSeed = 16;

std::array<std::byte, kHeaderBytes> HeaderBytes(const Header& header) {
  std::array<std::byte, kHeaderBytes> bytes;
  std::memcpy(bytes.data(), kMagic, sizeof(kMagic));
  std::memcpy(bytes.data() + sizeof(kMagic), header.data(), sizeof(header));
  return bytes;
}

Status WriteSection(io::AtomicFile& file, std::span<const std::byte> bytes, std::uint64_t seed) {
  const std::uint64_t sum = io::Checksum(bytes, seed);
  HADAL_TRY_STATUS(file.Write(bytes));
  return file.Write(std::as_bytes(std::span(&sum, 1)));
}

// Reads section after section; the size of the whole has been checked.
class Reader {
 public:
  explicit Reader(const io::MappedFile& file) : file_(file) {}

  Result<std::span<const std::byte>> Section(std::uint64_t size, std::uint64_t seed,
                                             const std::string& name) {
    const auto bytes = file_.bytes().subspan(at_, size);
    std::uint64_t sum = 0;
    std::memcpy(&sum, file_.bytes().data() + at_ + size, kSumBytes);
    if (io::Checksum(bytes, seed) != sum) {
      return Fail(Code::kCorrupt,
                  "{}: {} (bytes {} to {}): its checksum is another; the file is damaged",
                  file_.path(), name, at_, at_ + size + kSumBytes);
    }
    at_ += size + kSumBytes;
    return bytes;
  }
  // What has been read so far, and copied, need not be held in memory twice.
  void Forget() {
    file_.Forget(forgotten_, at_);
    forgotten_ = at_;
  }

 private:
  const io::MappedFile& file_;
  std::uint64_t at_ = 0, forgotten_ = 0;
};

Result<Header> ReadHeader(const io::MappedFile& file, Reader& reader) {
  const auto all = file.bytes();
  if (all.size() < sizeof(kMagic) || std::memcmp(all.data(), kMagic, sizeof(kMagic)) != 0)
    return Fail(Code::kCorrupt, "{}: not a snapshot: it does not begin with \"hadalseq\"",
                file.path());
  if (all.size() < kHeaderBytes + kSumBytes)
    return Fail(Code::kCorrupt, "{}: header: found {} bytes, expected {}; the file was cut short",
                file.path(), all.size(), kHeaderBytes + kSumBytes);
  Header header;
  std::memcpy(header.data(), all.data() + sizeof(kMagic), sizeof(header));
  if (header[kVersionField] != kVersion && header[kVersionField] < 1000)
    return Fail(Code::kUnsupported, "{}: found version {} of the format, expected {}", file.path(),
                header[kVersionField], kVersion);
  HADAL_TRY(const auto ignored, reader.Section(kHeaderBytes, kHeaderSeed, "header"));
  static_cast<void>(ignored);
  return header;
}

Status CheckHeader(const io::MappedFile& file, const Header& header, std::uint64_t fingerprint,
                   const arch::KvLayout& layout) {
  const std::string& path = file.path();
  if (header[kFingerprint] != fingerprint)
    return Fail(Code::kInvalid, "{}: made by another model (fingerprint {:016x}, expected {:016x})",
                path, header[kFingerprint], fingerprint);
  if (header[kFixedBytes] != layout.fixed_bytes || header[kPageBytes] != layout.page_bytes)
    return Fail(Code::kInvalid,
                "{}: found a fixed block of {} and pages of {} bytes, expected {} and {}", path,
                header[kFixedBytes], header[kPageBytes], layout.fixed_bytes, layout.page_bytes);
  const std::uint64_t tokens = header[kTokens];
  if (tokens > kMostTokens || header[kMtpTokens] > kMostTokens ||
      header[kPages] != arch::PagesOf(tokens))
    return Fail(Code::kCorrupt, "{}: header: found {} pages of {} tokens", path, header[kPages],
                tokens);
  if (header[kEarliestTokens] > tokens || header[kEarliestMtpTokens] > header[kMtpTokens])
    return Fail(Code::kCorrupt, "{}: header: found {} tokens that can go back to {}, MTP {} to {}",
                path, tokens, header[kEarliestTokens], header[kMtpTokens],
                header[kEarliestMtpTokens]);
  std::uint64_t want = kHeaderBytes + header[kFixedBytes] + 3 * kSumBytes, pages = 0;
  if (__builtin_mul_overflow(header[kPages], header[kPageBytes] + kSumBytes, &pages) ||
      __builtin_add_overflow(want, pages, &want) ||
      __builtin_add_overflow(want, header[kNoteBytes], &want) || file.bytes().size() != want) {
    const std::uint64_t found = file.bytes().size();
    return Fail(Code::kCorrupt, "{}: found {} bytes, expected {}{}", path, found, want,
                found < want ? "; the file was cut short" : "");
  }
  return Unit{};
}

// Everything in front of the pages. Views into the file.
struct Start {
  Header header{};
  std::span<const std::byte> fixed;
  std::string_view note;
};

Result<Start> ReadStart(const io::MappedFile& file, Reader& reader, std::uint64_t fingerprint,
                        const arch::KvLayout& layout, std::uint64_t max_note_bytes) {
  Start start;
  HADAL_TRY(start.header, ReadHeader(file, reader));
  HADAL_TRY_STATUS(CheckHeader(file, start.header, fingerprint, layout));
  if (start.header[kNoteBytes] > max_note_bytes)
    return Fail(Code::kExhausted, "{}: note: found {}, expected at most {}", file.path(),
                FormatBytes(start.header[kNoteBytes]), FormatBytes(max_note_bytes));
  HADAL_TRY(start.fixed, reader.Section(start.header[kFixedBytes], kFixedSeed, "fixed block"));
  HADAL_TRY(const auto note, reader.Section(start.header[kNoteBytes], kNoteSeed, "note"));
  start.note = {reinterpret_cast<const char*>(note.data()), note.size()};
  return start;
}

}  // namespace

Status SaveSnapshot(const Sequence& sequence, std::uint64_t fingerprint, std::string_view note,
                    const std::string& path) {
  const arch::KvLayout& layout = sequence.pool().layout();
  const model::SequenceState& state = sequence.state();
  const std::uint64_t pages = arch::PagesOf(state.tokens);
  Header header{};
  header[kVersionField] = kVersion;
  header[kFingerprint] = fingerprint;
  header[kTokens] = state.tokens;
  header[kMtpTokens] = state.mtp_tokens;
  header[kEarliestTokens] = sequence.earliest().tokens;
  header[kEarliestMtpTokens] = sequence.earliest().mtp_tokens;
  header[kFixedBytes] = layout.fixed_bytes;
  header[kPageBytes] = layout.page_bytes;
  header[kPages] = pages;
  header[kNoteBytes] = note.size();

  HADAL_TRY(io::AtomicFile file, io::AtomicFile::Create(path));
  HADAL_TRY_STATUS(WriteSection(file, HeaderBytes(header), kHeaderSeed));
  HADAL_TRY_STATUS(WriteSection(file, state.fixed, kFixedSeed));
  HADAL_TRY_STATUS(
      WriteSection(file, std::as_bytes(std::span(note.data(), note.size())), kNoteSeed));
  for (std::uint64_t p = 0; p < pages; ++p)
    HADAL_TRY_STATUS(WriteSection(file, {state.pages[p], layout.page_bytes}, kFirstPageSeed + p));
  return file.Commit();
}

Result<std::string> ReadSnapshotNote(const std::string& path, std::uint64_t fingerprint,
                                     const arch::KvLayout& layout, std::uint64_t max_note_bytes) {
  HADAL_TRY(const io::MappedFile file, io::MappedFile::Open(path));
  Reader reader(file);
  HADAL_TRY(const Start start, ReadStart(file, reader, fingerprint, layout, max_note_bytes));
  return std::string(start.note);
}

Result<Snapshot> LoadSnapshot(const std::string& path, std::uint64_t fingerprint,
                              std::shared_ptr<Pool> pool, std::uint64_t max_note_bytes) {
  HADAL_TRY(const io::MappedFile file, io::MappedFile::Open(path));
  Reader reader(file);
  HADAL_TRY(const Start start,
            ReadStart(file, reader, fingerprint, pool->layout(), max_note_bytes));
  const Header& header = start.header;
  HADAL_TRY(Sequence sequence, Sequence::Create(std::move(pool)));
  model::SequenceState& state = sequence.state();
  std::memcpy(state.fixed.data(), start.fixed.data(), start.fixed.size());
  if (const Status room = sequence.Reserve(header[kTokens]); !room.ok())
    return Within(path, room.error());
  for (std::uint64_t p = 0; p < header[kPages]; ++p) {
    HADAL_TRY(const auto page, reader.Section(header[kPageBytes], kFirstPageSeed + p,
                                              fmt::format("page {} of {}", p + 1, header[kPages])));
    std::memcpy(state.pages[p], page.data(), page.size());
    reader.Forget();
  }
  state.tokens = header[kTokens];
  state.mtp_tokens = header[kMtpTokens];
  sequence.set_earliest({header[kEarliestTokens], header[kEarliestMtpTokens]});
  return Snapshot{std::move(sequence), std::string(start.note)};
}

}  // namespace hadal::cache
