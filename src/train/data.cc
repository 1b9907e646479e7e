#include "train/data.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/random.h"
#include "base/threads.h"
#include "text/answer_marks.h"

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

struct Encoded {
  std::vector<text::TokenId> tokens;
  std::vector<bool> learnt;  // of each token
  std::size_t text_bytes = 0;
  bool marked = false;
};

// The text is encoded without its marks: they change no token.
Result<Encoded> Encode(const std::string& document, const text::Tokenizer& tokenizer) {
  HADAL_TRY(const text::MarkedText marked, text::ReadAnswerMarks(document));
  // Documents may be written in the chat format: their markers are what a model learns.
  Encoded encoded{.tokens = tokenizer.Encode(marked.text, text::ControlTokens::kRead),
                  .learnt = {},
                  .text_bytes = marked.text.size(),
                  .marked = !marked.answers.empty()};
  encoded.learnt.assign(encoded.tokens.size(), !encoded.marked);
  if (!encoded.marked) return encoded;
  std::size_t begin = 0;
  auto answer = marked.answers.begin();
  for (std::size_t t = 0; t < encoded.tokens.size(); ++t) {
    const std::size_t end = begin + tokenizer.TokenBytes(encoded.tokens[t]).size();
    while (answer != marked.answers.end() && answer->end <= begin) ++answer;
    encoded.learnt[t] = answer != marked.answers.end() && answer->begin < end;
    begin = end;
  }
  if (begin != marked.text.size())
    return Fail(Code::kInvalid,
                "answer marks: found tokens of {} bytes for a text of {}, expected UTF-8", begin,
                marked.text.size());
  return encoded;
}

void AddToken(text::TokenId token, float weight, Corpus* corpus) {
  corpus->tokens.push_back(token);
  corpus->weights.push_back(weight);
}

}  // namespace

std::uint64_t Corpus::Fingerprint() const {
  std::uint64_t hash = tokens.size();
  for (const text::TokenId token : tokens) hash = MixBits(hash + static_cast<std::uint64_t>(token));
  for (const std::size_t begin : begins) hash = MixBits(hash + begin);
  for (const float weight : weights) hash = MixBits(hash + (weight > 0 ? 1 : 0));
  return hash;
}

Result<Corpus> Tokenize(const std::vector<std::string>& documents, const text::Tokenizer& tokenizer,
                        const MarkOptions& marks, std::size_t threads) {
  std::vector<Result<Encoded>> encoded(documents.size(), Encoded{});
  Threads pool(threads);
  pool.Run(documents.size(), [&](std::size_t i) { encoded[i] = Encode(documents[i], tokenizer); });
  Corpus corpus;
  bool marked = false;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    HADAL_TRY(const Encoded one, std::move(encoded[i]));
    const float learnt = one.marked ? static_cast<float>(marks.answer_weight) : 1;
    if (marks.bos) AddToken(*marks.bos, 0, &corpus);
    for (std::size_t t = 0; t < one.tokens.size(); ++t)
      AddToken(one.tokens[t], one.learnt[t] ? learnt : 0, &corpus);
    if (marks.eos)
      AddToken(*marks.eos, one.tokens.empty() || one.learnt.back() ? learnt : 0, &corpus);
    corpus.begins.push_back(corpus.tokens.size());
    corpus.text_bytes += one.text_bytes;
    marked |= one.marked;
  }
  if (!marked) corpus.weights.clear();
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
  const auto weight = [&](std::size_t i, const Piece& piece) {
    return i < piece.document_end ? corpus.Weight(i) : 0;
  };
  std::size_t filled = 0;
  std::int64_t document = 0;
  for (const Piece& piece : row) {
    for (std::size_t i = 0; i < piece.length; ++i) {
      const std::size_t at = piece.begin + i;
      ids.push_back(token(at));
      documents.push_back(document);
      weights.push_back(weight(at + 1, piece));
      targets.push_back(weights.back() > 0 ? token(at + 1) : kIgnored);
      const bool next_is_here = i + 1 < piece.length;
      mtp_weights.push_back(next_is_here ? weight(at + 2, piece) : 0);
      mtp_targets.push_back(mtp_weights.back() > 0 ? token(at + 2) : kIgnored);
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
  weights.insert(weights.end(), padding, 0);
  mtp_weights.insert(mtp_weights.end(), padding, 0);
  ++rows;
}

std::size_t CountTargets(const std::vector<std::int64_t>& targets) {
  return targets.size() -
         static_cast<std::size_t>(std::count(targets.begin(), targets.end(), Sample::kIgnored));
}

double SumOfWeights(const std::vector<float>& weights) {
  return std::accumulate(weights.begin(), weights.end(), 0.0);
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
