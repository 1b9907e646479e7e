// Training text: documents from files, their tokens, and rows packed from them.
//
// Everything here is a pure function of its inputs: the held-out documents of (seed, text), the
// rows of an epoch of (corpus, row length, seed, epoch). A stream's whole state is (epoch, row).
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/tokenizer.h"

namespace hadal::train {

// The documents of all files, in the order of the paths, a directory's files (not hidden ones, with
// its subdirectories) in the order of their names. A file is a document, or with a `separator` each
// part between two of them. Newlines round a document are cut off; empty documents are dropped.
// They may mark their answers (text/answer_marks.h).
// kNotFound, kIo; kInvalid: no document at all, a file with a zero byte (not text), or with marks
// that lack their partner.
Result<std::vector<std::string>> ReadDocuments(const std::vector<std::string>& paths,
                                               const std::string& separator);

// Moves about `fraction` of the bytes, in whole documents, out of *documents and returns them.
// Equal documents go the same way, so that no held-out text is seen in training.
// kInvalid: everything, or nothing, would be held out.
Result<std::vector<std::string>> HoldOut(std::vector<std::string>* documents, double fraction,
                                         std::uint64_t seed);

// Tokens of many documents, one after another.
struct Corpus {
  std::vector<text::TokenId> tokens;
  std::vector<float> weights;          // of each token's loss, 0: not learnt; empty: all 1
  std::vector<std::size_t> begins{0};  // document i is tokens [begins[i], begins[i+1])
  std::uint64_t text_bytes = 0;

  std::size_t documents() const { return begins.size() - 1; }
  float Weight(std::size_t token) const { return weights.empty() ? 1 : weights[token]; }
  std::uint64_t Fingerprint() const;  // of tokens, which are learnt, and document borders
};

struct MarkOptions {
  std::optional<text::TokenId> bos, eos;  // put round every document
  double answer_weight = 1;  // of an answer's tokens; 1 is that of a document without marks
};
// Of a document that marks its answers, a token is learnt that has a byte of one; and EOS, if an
// answer stands before it. kInvalid: marks in a text that is not UTF-8.
Result<Corpus> Tokenize(const std::vector<std::string>& documents, const text::Tokenizer& tokenizer,
                        const MarkOptions& marks, std::size_t threads);

// Part of one document: corpus.tokens [begin, begin + length).
struct Piece {
  std::size_t begin, length, document_end;
};
using Row = std::vector<Piece>;

// Cuts documents longer than a row into pieces of a row's length (the first one, of random length,
// so that the cuts differ between epochs), packs pieces into rows best-fit, largest first (the
// fewest rows, and no piece cut again), and shuffles the rows. `shift` false: cuts start at the
// document.
std::vector<Row> PackRows(const Corpus& corpus, std::size_t row_tokens, std::uint64_t seed,
                          std::uint64_t epoch, bool shift);

// Rows as the model reads them: four arrays of [rows, row_tokens], row after row.
struct Sample {
  static constexpr std::int64_t kIgnored = -100;  // in place of a target: nothing is learnt here
  std::size_t rows = 0, row_tokens = 0;
  std::vector<std::int64_t> ids, documents;
  // Token t+1 of the same document, also past a piece's end; t+2, where t+1 is in the row. Both
  // where that token is learnt.
  std::vector<std::int64_t> targets, mtp_targets;
  std::vector<float> weights, mtp_weights;  // of their losses, 0 where there is no target

  // Padding at a row's end has id 0, a document number of its own, and no targets.
  void Append(const Corpus& corpus, const Row& row);
};
std::size_t CountTargets(const std::vector<std::int64_t>& targets);
double SumOfWeights(const std::vector<float>& weights);

// Endless rows, epoch after epoch. The corpus outlives it.
class DataStream {
 public:
  struct Position {
    std::uint64_t epoch = 0, row = 0;
  };
  DataStream(const Corpus& corpus, std::size_t row_tokens, std::uint64_t seed);
  Sample Next(std::size_t rows);
  Position position() const { return position_; }
  Status Seek(Position position);  // kCorrupt: a row past the epoch's end

 private:
  const Corpus& corpus_;
  std::size_t row_tokens_;
  std::uint64_t seed_;
  Position position_;
  std::vector<Row> epoch_rows_;
};

}  // namespace hadal::train
