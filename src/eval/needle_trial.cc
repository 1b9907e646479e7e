#include "eval/needle_trial.h"

#include <algorithm>
#include <utility>

#include "arch/layer_kind.h"
#include "tensor/finite.h"

namespace hadal::eval {
namespace {

using Tokens = std::span<const text::TokenId>;

// Of the entries among which an indexer chooses; a model without one is as good as V4.
std::uint64_t IndexedRatio(const arch::Config& config) {
  for (std::size_t layer = 0; layer < config.num_hidden_layers; ++layer)
    if (const arch::LayerKind kind = arch::LayerKindOf(config, layer); kind.indexed)
      return kind.ratio;
  return arch::kCsaRatio;
}

// Where in a needle's statement its value begins; its end if the tokens differ there.
std::size_t ValueOffset(const PlacedNeedle& needle, Tokens value) {
  const Tokens words = value.first(value.size() - 1);  // without the full stop
  const auto& statement = needle.statement;
  const auto at = std::find_end(statement.begin(), statement.end(), words.begin(), words.end());
  return static_cast<std::size_t>(at - statement.begin());
}

}  // namespace

void SelectionWatch::Selected(std::size_t, std::size_t row,
                              std::span<const std::uint32_t> entries) {
  if (row < entries_.size())
    entries_[row].insert(entries_[row].end(), entries.begin(), entries.end());
}

bool SelectionWatch::Holds(std::size_t row, std::uint64_t position) const {
  const std::uint64_t block = position / ratio_;
  return std::ranges::any_of(entries_[row], [&](std::uint32_t entry) {
    return entry == block || (ratio_ > 1 && entry == block + 1);
  });
}

Reader::Reader(const engine::ModelFiles& files, const QuestionForm& form, model::Forward forward,
               const std::atomic<bool>* cancel)
    : config_(files.model.config),
      ratio_(IndexedRatio(config_)),
      form_(form),
      tokenizer_(files.tokenizer),
      eos_ids_(files.eos_ids),
      forward_(std::move(forward)),
      cancel_(cancel),
      watch_(ratio_),
      logits_(config_.vocab_size) {}

Status Reader::Run(cache::Sequence* sequence, Tokens tokens) {
  forward_.set_observer(&watch_);  // here: a Reader may have been moved since it was made
  const std::size_t last = tokens.size() - 1;
  watch_.Watch({&last, 1});
  HADAL_TRY_STATUS(sequence->Reserve(tokens.size()));
  const model::Chunk chunk{&sequence->state(), tokens};
  HADAL_TRY_STATUS(forward_.Run({&chunk, 1}, [this] {
    return cancel_ != nullptr && cancel_->load(std::memory_order_relaxed);
  }));
  return watch_.Check(0, tokens.size(), sequence->tokens() - tokens.size());
}

Result<cache::Sequence> Reader::Read(Tokens tokens,
                                     const std::function<void(std::uint64_t)>& on_read) {
  HADAL_TRY(cache::Sequence sequence, cache::Sequence::Create(forward_.layout()));
  watch_.Record(0);
  for (std::size_t at = 0; at < tokens.size();) {
    const std::size_t count = std::min(forward_.max_tokens(), tokens.size() - at);
    HADAL_TRY_STATUS(Run(&sequence, tokens.subspan(at, count)));
    at += count;
    if (on_read) on_read(at);
  }
  return sequence;
}

Result<TrialOutcome> Reader::Ask(const cache::Sequence& read, const Haystack& haystack,
                                 const PlacedNeedle& needle) {
  HADAL_TRY(cache::Sequence sequence, read.Fork());
  std::vector<text::TokenId> tokens = form_.QuestionWithStem(needle.needle);
  const std::vector<text::TokenId> value = form_.Value(needle.needle);
  const std::size_t first_row = tokens.size() - 1;
  tokens.insert(tokens.end(), value.begin(), value.end() - 1);
  HADAL_CHECK(tokens.size() <= forward_.max_tokens());
  watch_.Record(tokens.size());
  HADAL_TRY_STATUS(Run(&sequence, tokens));
  return Judge(haystack, needle, value, first_row, read.tokens() + first_row);
}

Result<std::string> Reader::Answer(const cache::Sequence& read, const datagen::Needle& needle) {
  HADAL_TRY(cache::Sequence sequence, read.Fork());
  std::vector<text::TokenId> tokens = form_.Question(needle), answer;
  watch_.Record(0);
  while (answer.size() < kAnswerTokens) {
    HADAL_TRY_STATUS(Run(&sequence, tokens));
    HADAL_TRY(const text::TokenId said, Said(tokens.size() - 1, sequence.tokens() - 1));
    if (std::ranges::count(eos_ids_, said) > 0) break;
    answer.push_back(said);
    tokens = {said};
  }
  return tokenizer_.Decode(answer);
}

Result<text::TokenId> Reader::Said(std::size_t row, std::uint64_t position) {
  forward_.Logits(row, logits_);
  if (const auto bad = FirstNotFinite(logits_))
    return Fail(Code::kCorrupt, "position {}: the logit of token {} is {}", position, *bad,
                logits_[*bad]);
  return static_cast<text::TokenId>(std::ranges::max_element(logits_) - logits_.begin());
}

Result<TrialOutcome> Reader::Judge(const Haystack& haystack, const PlacedNeedle& needle,
                                   Tokens value, std::size_t first_row,
                                   std::uint64_t first_position) {
  const std::uint64_t place = needle.begin + ValueOffset(needle, value);
  TrialOutcome outcome{.found = true, .chosen = watch_.Holds(first_row, place)};
  for (std::size_t i = 0; i < value.size(); ++i) {
    HADAL_TRY(const text::TokenId said, Said(first_row + i, first_position + i));
    if (said == value[i]) continue;
    outcome.found = false;
    const std::uint64_t position = place + i;
    outcome.seen = watch_.Holds(first_row + i, position) ||
                   first_position + i - position < config_.sliding_window;
    // The tokens of the entries that hold it: its block and, where entries overlap, both beside it.
    const std::uint64_t block = position / ratio_, beside = ratio_ > 1 ? 1 : 0;
    const std::uint64_t begin = (block - std::min(block, beside)) * ratio_;
    const std::uint64_t end =
        std::min((block + 1 + beside) * ratio_, std::uint64_t{haystack.tokens.size()});
    const auto first = haystack.tokens.begin();
    outcome.near = std::find(first + static_cast<std::ptrdiff_t>(begin),
                             first + static_cast<std::ptrdiff_t>(end),
                             said) != first + static_cast<std::ptrdiff_t>(end);
    break;
  }
  return outcome;
}

}  // namespace hadal::eval
