// The learning loop of byte pair encoding: given the distinct pieces of a text and how often each
// occurs, finds the most frequent adjacent pair of tokens, makes it a token, and again.
//
// Counts are kept up to date by looking only at the pieces that hold the merged pair.
// Deterministic; ties go to the pair of the lower ids. One thread.
// Source: Sennrich, Haddow, Birch 2016 (arXiv:1508.07909), algorithm 1.
#pragma once
#include <cstdint>
#include <queue>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/random.h"
#include "text/token_id.h"

namespace hadal::text {

class PairMerger {
 public:
  struct Word {  // a distinct piece
    std::vector<TokenId> ids;
    std::int64_t count;
  };
  struct Merge {
    TokenId left, right;
  };

  // tokens: the text of every token so far, by id. A pair whose joined text is there already, or in
  // `reserved`, is never merged: each text gets one id, and one way to be made.
  PairMerger(std::vector<Word> words, std::vector<std::string> tokens,
             const std::vector<std::string>& reserved);

  // Learns one token; false if no pair is left that occurs min_count times.
  bool Step(std::int64_t min_count);

  const std::vector<std::string>& tokens() const { return tokens_; }
  const std::vector<Merge>& merges() const { return merges_; }

 private:
  using Pair = std::uint64_t;  // left id << 32 | right id, so pairs are ordered by their ids
  struct PairHash {
    std::size_t operator()(Pair pair) const { return static_cast<std::size_t>(MixBits(pair)); }
  };
  struct Occurrences {
    std::int64_t count = 0;
    std::vector<std::uint32_t> words;  // where the pair is, or was; a word may be named twice
  };
  struct Candidate {
    std::int64_t count;
    Pair pair;
    bool operator<(const Candidate& other) const {  // the top of the heap is the next merge
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };

  void Add(Pair pair, std::uint32_t word);
  void Remove(Pair pair, std::uint32_t word);
  void Apply(Pair pair, TokenId merged);
  void Rewrite(std::uint32_t word, Pair pair, TokenId merged);

  std::vector<Word> words_;
  std::vector<std::string> tokens_;
  std::unordered_set<std::string> known_;  // texts that must not be made
  std::vector<Merge> merges_;
  std::unordered_map<Pair, Occurrences, PairHash> pairs_;
  // Every pair has a candidate whose count is not below the true one; too high ones are put right
  // when they come to the top.
  std::priority_queue<Candidate> heap_;
  std::unordered_set<Pair, PairHash> grown_;  // by the merge at hand
  std::vector<bool> touched_;
};

}  // namespace hadal::text
