// Texts whose states have bytes that follow from their tokens, for tests of what is stored on disk:
// tests only.
#pragma once
#include <cstring>
#include <memory>
#include <vector>

#include "base/random.h"
#include "cache/disk_prefixes.h"
#include "cache/filled_sequence_test.h"
#include "testing/temp_folder.h"

namespace hadal::cache {

using Tokens = std::vector<std::int32_t>;
inline constexpr io::Digest kTestModel{.low = 5, .high = 7};

// Text number `of` of a family: it goes on from text of / 2 somewhere, so that beginnings are
// shared.
inline Tokens StoredText(std::uint64_t of, std::size_t longest = 3000) {
  Random random(of + 1);
  Tokens text;
  if (of > 0) {
    text = StoredText(of / 2, longest);
    text.resize(random.Below(text.size() + 1));
  }
  const std::size_t tokens = std::max<std::size_t>(text.size(), 1 + random.Below(longest));
  while (text.size() < tokens) text.push_back(static_cast<std::int32_t>(random.Below(60)));
  return text;
}

inline void FillWith(const io::Digest& digest, std::span<std::byte> bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>(KeyedBits(digest.low, digest.high, i / 64) + i);
}

// A state that has processed the text.
inline Sequence StateOf(const std::shared_ptr<Pool>& pool, TokenSpan text) {
  Sequence sequence = Sequence::Create(pool).value();
  HADAL_CHECK(sequence.Reserve(text.size()).ok());
  const TextChain chain(kTestModel, 0, text);
  model::SequenceState& state = sequence.state();
  for (std::size_t p = 0; p < state.pages.size(); ++p)
    FillWith(p < chain.pages() ? chain.AtPage(p + 1) : chain.OfState(text.size()),
             {state.pages[p], pool->layout().page_bytes});
  FillWith(chain.OfState(text.size()), state.fixed);
  state.tokens = text.size();
  return sequence;
}

// Whether what was restored for the text has the bytes that were put there: those of the state's
// own text, which may go on otherwise.
inline bool IsAsStored(const DiskPrefixes::Match& found, TokenSpan text, const Sequence& restored) {
  const Segment& state = *found.state;
  Tokens source(text.begin(), text.end());
  source.resize(state.done.tokens / arch::kPageTokens * arch::kPageTokens);
  source.insert(source.end(), state.behind.begin(), state.behind.end());
  const Sequence want = StateOf(std::make_shared<Pool>(restored.pool().layout()), source);
  const std::size_t page_bytes = restored.pool().layout().page_bytes;
  for (std::size_t p = 0; p < arch::PagesOf(found.usable); ++p)
    if (std::memcmp(restored.state().pages[p], want.state().pages[p], page_bytes) != 0)
      return false;
  return restored.tokens() == found.usable &&
         std::memcmp(restored.state().fixed.data(), want.state().fixed.data(),
                     want.state().fixed.size()) == 0;
}

// A folder's index, as another program has it.
inline io::Database Index(const std::string& folder) {
  std::string note;
  return io::Database::Open(folder + "/index.db", {.id = 0x68646c63, .version = 1, .schema = ""},
                            &note)
      .value();
}

// A folder, read and written directly.
class StoredTexts {
 public:
  explicit StoredTexts(const std::string& folder,
                       std::uint64_t limit_bytes = std::uint64_t{1} << 40)
      : limit_bytes_(limit_bytes), store_(SegmentStore::Open(folder, true, &note_).value()) {}

  Status Write(TokenSpan text, std::uint64_t scope = 0) {
    return WriteSegments(store_, kTestModel, "toy-model", scope, text, StateOf(pool_, text),
                         limit_bytes_, &figures_);
  }
  SegmentStore& store() { return store_; }
  const WriterFigures& figures() const { return figures_; }
  const std::shared_ptr<Pool>& pool() const { return pool_; }

 private:
  std::string note_;
  std::uint64_t limit_bytes_;
  SegmentStore store_;
  WriterFigures figures_;
  std::shared_ptr<Pool> pool_ = std::make_shared<Pool>(Layout());
};

inline std::unique_ptr<DiskPrefixes> OpenPrefixes(const std::string& folder,
                                                  std::vector<std::string>* notes = nullptr,
                                                  const io::Digest& model = kTestModel,
                                                  std::uint64_t limit_bytes = std::uint64_t{1}
                                                                              << 40) {
  std::string note;
  DiskOptions options{.limit_bytes = limit_bytes, .model_name = "toy-model"};
  if (notes != nullptr)
    options.on_note = [notes](std::string_view line) { notes->emplace_back(line); };
  return DiskPrefixes::Open(SegmentStore::Open(folder, true, &note).value(),
                            SegmentStore::Open(folder, true, &note).value(), model, Layout(),
                            options)
      .value();
}

}  // namespace hadal::cache
