#include "train/data.h"

#include <algorithm>
#include <map>

#include "base/random.h"
#include "base/threads.h"

namespace hadal::train {
namespace {

// Random streams of one seed, so that no two uses see the same numbers.
enum Stream : std::uint64_t { kCuts = 0x100000000u, kRows = 0x200000000u };

template <class T>
void Shuffle(std::vector<T>* items, Random* random) {
  for (std::size_t i = items->size(); i > 1; --i)
    std::swap((*items)[i - 1], (*items)[random->Below(i)]);
}

std::vector<Piece> CutPieces(const Corpus& corpus, std::size_t row_tokens, Random* random,
                             bool shift) {
  std::vector<Piece> pieces;
  for (std::size_t d = 0; d < corpus.documents(); ++d) {
    std::size_t begin = corpus.begins[d];
    const std::size_t end = corpus.begins[d + 1];
    const bool cut = end - begin > row_tokens;
    std::size_t length = cut && shift ? 1 + random->Below(row_tokens) : row_tokens;
    while (begin < end) {
      length = std::min(length, end - begin);
      // A lone last token of a document has nothing to predict.
      if (length > 1 || begin + 1 < end) pieces.push_back({begin, length, end});
      begin += length;
      length = row_tokens;
    }
  }
  return pieces;
}

}  // namespace

std::uint64_t Corpus::Fingerprint() const {
  std::uint64_t hash = tokens.size();
  for (const text::TokenId token : tokens) hash = MixBits(hash + static_cast<std::uint64_t>(token));
  for (const std::size_t begin : begins) hash = MixBits(hash + begin);
  return hash;
}

Corpus Tokenize(const std::vector<std::string>& documents, const text::Tokenizer& tokenizer,
                const MarkOptions& marks, std::size_t threads) {
  std::vector<std::vector<text::TokenId>> encoded(documents.size());
  Threads pool(threads);
  // Documents may be written in the chat format: their markers are what a model learns.
  pool.Run(documents.size(), [&](std::size_t i) {
    encoded[i] = tokenizer.Encode(documents[i], text::ControlTokens::kRead);
  });
  Corpus corpus;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    if (marks.bos) corpus.tokens.push_back(*marks.bos);
    corpus.tokens.insert(corpus.tokens.end(), encoded[i].begin(), encoded[i].end());
    if (marks.eos) corpus.tokens.push_back(*marks.eos);
    corpus.begins.push_back(corpus.tokens.size());
    corpus.text_bytes += documents[i].size();
    encoded[i] = {};
  }
  return corpus;
}

std::vector<Row> PackRows(const Corpus& corpus, std::size_t row_tokens, std::uint64_t seed,
                          std::uint64_t epoch, bool shift) {
  Random cuts(seed, kCuts + epoch), order(seed, kRows + epoch);
  std::vector<Piece> pieces = CutPieces(corpus, row_tokens, &cuts, shift);
  Shuffle(&pieces, &order);  // so that pieces of one length meet other neighbours each epoch
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const Piece& a, const Piece& b) { return a.length > b.length; });
  std::vector<Row> rows;
  std::multimap<std::size_t, std::size_t> room;  // tokens left -> row
  for (const Piece& piece : pieces) {
    std::size_t left = row_tokens, row = rows.size();
    if (const auto fit = room.lower_bound(piece.length); fit != room.end()) {
      left = fit->first;
      row = fit->second;
      room.erase(fit);
    } else {
      rows.emplace_back();
    }
    rows[row].push_back(piece);
    if (left > piece.length) room.emplace(left - piece.length, row);
  }
  Shuffle(&rows, &order);
  return rows;
}

void Sample::Append(const Corpus& corpus, const Row& row) {
  const auto token = [&](std::size_t i) { return static_cast<std::int64_t>(corpus.tokens[i]); };
  std::size_t filled = 0;
  std::int64_t document = 0;
  for (const Piece& piece : row) {
    for (std::size_t i = 0; i < piece.length; ++i) {
      const std::size_t at = piece.begin + i;
      ids.push_back(token(at));
      documents.push_back(document);
      targets.push_back(at + 1 < piece.document_end ? token(at + 1) : kIgnored);
      const bool next_is_here = i + 1 < piece.length;
      mtp_targets.push_back(next_is_here && at + 2 < piece.document_end ? token(at + 2) : kIgnored);
    }
    filled += piece.length;
    ++document;
  }
  HADAL_CHECK(filled <= row_tokens);
  const std::size_t padding = row_tokens - filled;
  ids.insert(ids.end(), padding, 0);
  documents.insert(documents.end(), padding, document);
  targets.insert(targets.end(), padding, kIgnored);
  mtp_targets.insert(mtp_targets.end(), padding, kIgnored);
  ++rows;
}

std::size_t CountTargets(const std::vector<std::int64_t>& targets) {
  return targets.size() -
         static_cast<std::size_t>(std::count(targets.begin(), targets.end(), Sample::kIgnored));
}

DataStream::DataStream(const Corpus& corpus, std::size_t row_tokens, std::uint64_t seed)
    : corpus_(corpus), row_tokens_(row_tokens), seed_(seed) {
  epoch_rows_ = PackRows(corpus_, row_tokens_, seed_, 0, true);
  HADAL_CHECK(!epoch_rows_.empty());
}

Sample DataStream::Next(std::size_t rows) {
  Sample sample;
  sample.row_tokens = row_tokens_;
  while (sample.rows < rows) {
    if (position_.row == epoch_rows_.size()) {
      position_ = {position_.epoch + 1, 0};
      epoch_rows_ = PackRows(corpus_, row_tokens_, seed_, position_.epoch, true);
    }
    sample.Append(corpus_, epoch_rows_[position_.row++]);
  }
  return sample;
}

Status DataStream::Seek(Position position) {
  std::vector<Row> rows = PackRows(corpus_, row_tokens_, seed_, position.epoch, true);
  if (position.row > rows.size())
    return Fail(Code::kCorrupt, "data position: found row {} of epoch {}, which has {} rows",
                position.row, position.epoch, rows.size());
  epoch_rows_ = std::move(rows);
  position_ = position;
  return Unit{};
}

}  // namespace hadal::train
