#include "text/pair_merger.h"

#include <utility>

namespace hadal::text {
namespace {

std::uint64_t MakePair(TokenId left, TokenId right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

}  // namespace

PairMerger::PairMerger(std::vector<Word> words, std::vector<std::string> tokens,
                       const std::vector<std::string>& reserved)
    : words_(std::move(words)), tokens_(std::move(tokens)) {
  known_.insert(tokens_.begin(), tokens_.end());
  known_.insert(reserved.begin(), reserved.end());
  for (std::uint32_t w = 0; w < words_.size(); ++w) {
    const std::vector<TokenId>& ids = words_[w].ids;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) Add(MakePair(ids[i], ids[i + 1]), w);
  }
  for (const auto& [pair, occurrences] : pairs_) heap_.push({occurrences.count, pair});
}

bool PairMerger::Step(std::int64_t min_count) {
  while (!heap_.empty()) {
    const Candidate top = heap_.top();
    heap_.pop();
    const auto found = pairs_.find(top.pair);
    if (found == pairs_.end() || found->second.count < min_count) continue;
    if (found->second.count < top.count) {
      heap_.push({found->second.count, top.pair});
      continue;
    }
    const Merge merge = {static_cast<TokenId>(top.pair >> 32), static_cast<TokenId>(top.pair)};
    std::string text = tokens_[static_cast<std::size_t>(merge.left)] +
                       tokens_[static_cast<std::size_t>(merge.right)];
    if (!known_.insert(text).second) {
      pairs_.erase(found);
      continue;
    }
    merges_.push_back(merge);
    tokens_.push_back(std::move(text));
    Apply(top.pair, static_cast<TokenId>(tokens_.size() - 1));
    return true;
  }
  return false;
}

void PairMerger::Add(Pair pair, std::uint32_t word) {
  Occurrences& occurrences = pairs_[pair];
  occurrences.count += words_[word].count;
  if (occurrences.words.empty() || occurrences.words.back() != word)
    occurrences.words.push_back(word);
}

void PairMerger::Remove(Pair pair, std::uint32_t word) {
  const auto found = pairs_.find(pair);
  if (found != pairs_.end()) found->second.count -= words_[word].count;
}

void PairMerger::Apply(Pair pair, TokenId merged) {
  const std::vector<std::uint32_t> where = std::move(pairs_[pair].words);
  pairs_.erase(pair);
  grown_.clear();
  for (const std::uint32_t word : where) Rewrite(word, pair, merged);
  for (const Pair grown : grown_) heap_.push({pairs_[grown].count, grown});
}

void PairMerger::Rewrite(std::uint32_t word, Pair pair, TokenId merged) {
  std::vector<TokenId>& ids = words_[word].ids;
  const auto pair_at = [&](std::size_t i) { return MakePair(ids[i], ids[i + 1]); };
  touched_.assign(ids.size(), false);
  bool any = false;
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
    if (pair_at(i) != pair) continue;
    touched_[i] = touched_[i + 1] = any = true;
    ++i;
  }
  if (!any) return;  // an occurrence that other merges took
  for (std::size_t i = 0; i + 1 < ids.size(); ++i)
    if (touched_[i] || touched_[i + 1]) Remove(pair_at(i), word);

  std::size_t out = 0;
  for (std::size_t i = 0; i < ids.size(); ++out) {
    const bool here = touched_[i];
    ids[out] = here ? merged : ids[i];
    i += here ? 2 : 1;
  }
  ids.resize(out);
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
    if (ids[i] != merged && ids[i + 1] != merged) continue;
    Add(pair_at(i), word);
    grown_.insert(pair_at(i));
  }
}

}  // namespace hadal::text
