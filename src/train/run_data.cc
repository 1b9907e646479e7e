#include "train/run_data.h"

#include "base/log.h"

namespace hadal::train {
namespace {

Result<std::optional<text::TokenId>> Mark(bool wanted, std::optional<std::size_t> token,
                                          const char* key, const char* field) {
  if (!wanted) return std::optional<text::TokenId>();
  if (!token)
    return Fail(Code::kInvalid, "{}: found true, but the model's config.json gives no {}", key,
                field);
  return std::optional<text::TokenId>(static_cast<text::TokenId>(*token));
}

Status CheckUsable(const Corpus& corpus, std::size_t row_tokens, const char* which) {
  if (!PackRows(corpus, row_tokens, 0, 0, false).empty()) return Unit{};
  return Fail(Code::kInvalid,
              "{} text: found {} tokens in {} documents, expected at least one of two", which,
              corpus.tokens.size(), corpus.documents());
}

}  // namespace

Result<RunData> ReadRunData(const TrainConfig& config, const arch::Config& model,
                            std::size_t threads) {
  HADAL_TRY(text::Tokenizer tokenizer, text::Tokenizer::Open(config.model.tokenizer));
  if (tokenizer.vocab_size() > model.vocab_size)
    return Fail(Code::kInvalid, "{}: found {} tokens, expected at most the model's vocab_size, {}",
                config.model.tokenizer, tokenizer.vocab_size(), model.vocab_size);
  MarkOptions marks;
  HADAL_TRY(marks.bos, Mark(config.data.bos, model.bos_token_id, "data.bos", "bos_token_id"));
  // Of several, the one that the publisher names first ends a document.
  std::optional<std::size_t> eos;
  if (!model.eos_token_id.empty()) eos = model.eos_token_id.front();
  HADAL_TRY(marks.eos, Mark(config.data.eos, eos, "data.eos", "eos_token_id"));

  HADAL_TRY(std::vector<std::string> train,
            ReadDocuments(config.data.train, config.data.separator));
  std::vector<std::string> heldout;
  if (config.data.heldout.empty()) {
    HADAL_TRY(heldout, HoldOut(&train, config.data.heldout_fraction, config.seed));
  } else {
    HADAL_TRY(heldout, ReadDocuments(config.data.heldout, config.data.separator));
  }
  RunData data{std::move(tokenizer), marks, {}, {}};
  HADAL_TRY(data.heldout, Tokenize(heldout, data.tokenizer, marks, threads));
  MarkOptions weighed = marks;
  weighed.answer_weight = config.loss.answers;
  HADAL_TRY(data.train, Tokenize(train, data.tokenizer, weighed, threads));
  HADAL_TRY_STATUS(CheckUsable(data.train, config.batch.tokens, "training"));
  HADAL_TRY_STATUS(CheckUsable(data.heldout, config.batch.tokens, "held-out"));
  spdlog::info("data train_documents={} train_tokens={} heldout_documents={} heldout_tokens={}",
               data.train.documents(), data.train.tokens.size(), data.heldout.documents(),
               data.heldout.tokens.size());
  return data;
}

}  // namespace hadal::train
