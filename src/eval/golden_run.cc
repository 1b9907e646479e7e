#include "eval/golden_run.h"

#include <algorithm>
#include <utility>

#include "arch/layer_kind.h"
#include "cache/sequence.h"
#include "tensor/finite.h"

namespace hadal::eval {
namespace {

constexpr std::size_t kLongestChunk = 1024;

// Writes what the forward pass shows into a GoldenRun, by position.
class Recorder : public model::Observer {
 public:
  Recorder(const arch::Config& config, const GoldenCase& golden, GoldenRun* run)
      : config_(config), golden_(golden), run_(run), indexed_(config.num_hidden_layers) {
    positions_ = golden.prompt.size() + golden.next.size();
    std::size_t indexed = 0;
    for (std::size_t l = 0; l < config.num_hidden_layers; ++l)
      if (arch::LayerKindOf(config, l).indexed) indexed_[l] = indexed++;
    const std::size_t layers = config.num_hidden_layers;
    run->gate_ids.resize(layers * positions_ * config.num_experts_per_tok);
    run->gate_weights.resize(run->gate_ids.size());
    run->selections.resize(indexed * positions_);
    run->hidden.resize((layers + 1) * golden.hidden_positions.size() * config.stream_dim());
  }

  // The next batch's first row is this position.
  void set_position(std::size_t position) { position_ = position; }

  void Streams(std::size_t boundary, View2<const float> streams) override {
    const std::size_t width = config_.stream_dim();
    const std::size_t count = golden_.hidden_positions.size();
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t wanted = golden_.hidden_positions[i];
      if (wanted < position_ || wanted - position_ >= streams.rows()) continue;
      const auto row = streams[wanted - position_];
      std::copy(row.begin(), row.end(),
                run_->hidden.begin() + static_cast<std::ptrdiff_t>((boundary * count + i) * width));
    }
  }
  void Routed(std::size_t layer, View2<const std::uint32_t> experts,
              View2<const float> weights) override {
    if (layer >= config_.num_hidden_layers) return;  // the MTP block
    const std::size_t k = config_.num_experts_per_tok;
    for (std::size_t row = 0; row < experts.rows(); ++row) {
      const std::size_t at = (layer * positions_ + position_ + row) * k;
      std::copy_n(experts[row].begin(), k,
                  run_->gate_ids.begin() + static_cast<std::ptrdiff_t>(at));
      std::copy_n(weights[row].begin(), k,
                  run_->gate_weights.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
  void Selected(std::size_t layer, std::size_t row,
                std::span<const std::uint32_t> entries) override {
    if (layer >= config_.num_hidden_layers) return;
    auto& out = run_->selections[indexed_[layer] * positions_ + position_ + row];
    out.assign(entries.begin(), entries.end());
  }

 private:
  const arch::Config& config_;
  const GoldenCase& golden_;
  GoldenRun* run_;
  std::vector<std::size_t> indexed_;  // which of the layers with an indexer it is
  std::size_t positions_ = 0, position_ = 0;
};

// One run's moving parts.
class Runner {
 public:
  Runner(const model::Model& model, const GoldenCase& golden, const GoldenRunOptions& options,
         model::Forward forward, cache::Sequence sequence)
      : golden_(golden),
        options_(options),
        vocab_(model.config.vocab_size),
        mtp_(model.mtp.has_value()),
        recorder_(model.config, golden, &run_),
        forward_(std::move(forward)),
        sequence_(std::move(sequence)) {
    forward_.set_observer(&recorder_);
    run_.prefill_logits.resize(golden.prefill_positions.size() * vocab_);
    run_.decode_logits.resize(golden.next.size() * vocab_);
    if (mtp_) {
      run_.mtp_prefill.resize(options.mtp_tail * vocab_);
      run_.mtp_decode.resize(golden.next.size() * vocab_);
    }
  }

  Result<GoldenRun> Run() {
    HADAL_TRY_STATUS(sequence_.Reserve(golden_.prompt.size() + golden_.next.size()));
    std::size_t last_row = 0;
    for (std::size_t at = 0, turn = 0; at < golden_.prompt.size(); ++turn) {
      const std::size_t count = std::min(ChunkLength(turn), golden_.prompt.size() - at);
      HADAL_TRY_STATUS(RunPromptChunk(at, count));
      at += count;
      last_row = count - 1;
    }
    for (std::size_t i = 0; i < golden_.next.size(); ++i) {
      HADAL_TRY_STATUS(Decode(i, last_row));
      last_row = 0;
    }
    HADAL_TRY_STATUS(CheckFinite("prefill logits", run_.prefill_logits));
    HADAL_TRY_STATUS(CheckFinite("decode logits", run_.decode_logits));
    HADAL_TRY_STATUS(CheckFinite("mtp prefill logits", run_.mtp_prefill));
    HADAL_TRY_STATUS(CheckFinite("mtp decode logits", run_.mtp_decode));
    return std::move(run_);
  }

 private:
  Status CheckFinite(const char* what, std::span<const float> rows) const {
    const auto bad = FirstNotFinite(rows);
    if (!bad) return Unit{};
    return Fail(Code::kCorrupt, "{}: row {}: the logit of token {} is {}", what, *bad / vocab_,
                *bad % vocab_, rows[*bad]);
  }

  std::size_t ChunkLength(std::size_t turn) const {
    return options_.chunks.empty() ? forward_.max_tokens()
                                   : options_.chunks[turn % options_.chunks.size()];
  }
  Status RunTokens(std::size_t position, std::span<const std::int32_t> tokens) {
    recorder_.set_position(position);
    const model::Chunk chunk{&sequence_.state(), tokens};
    return forward_.Run({&chunk, 1});
  }
  std::span<float> Row(std::vector<float>& rows, std::size_t row) {
    return std::span<float>(rows).subspan(row * vocab_, vocab_);
  }

  Status RunPromptChunk(std::size_t at, std::size_t count) {
    const std::span<const std::int32_t> prompt(golden_.prompt);
    HADAL_TRY_STATUS(RunTokens(at, prompt.subspan(at, count)));
    for (std::size_t i = 0; i < golden_.prefill_positions.size(); ++i) {
      const std::size_t p = golden_.prefill_positions[i];
      if (p >= at && p - at < count) forward_.Logits(p - at, Row(run_.prefill_logits, i));
    }
    if (!mtp_) return Unit{};
    // The last position of the prompt waits for the first forced token.
    const std::size_t pairs = std::min(count, prompt.size() - 1 - at);
    if (pairs == 0) return Unit{};
    HADAL_TRY_STATUS(forward_.RunMtp(sequence_.state(), 0, prompt.subspan(at + 1, pairs)));
    const std::size_t first = prompt.size() - 1 - options_.mtp_tail;
    for (std::size_t i = 0; i < pairs; ++i)
      if (at + i >= first) forward_.MtpLogits(i, Row(run_.mtp_prefill, at + i - first));
    return Unit{};
  }

  // Feeds next[step]; its MTP position is the one before, whose streams are still in `last_row`.
  Status Decode(std::size_t step, std::size_t last_row) {
    const auto token = std::span<const std::int32_t>(golden_.next).subspan(step, 1);
    if (mtp_) {
      HADAL_TRY_STATUS(forward_.RunMtp(sequence_.state(), last_row, token));
      forward_.MtpLogits(0, Row(run_.mtp_decode, step));
    }
    HADAL_TRY_STATUS(RunTokens(golden_.prompt.size() + step, token));
    forward_.Logits(0, Row(run_.decode_logits, step));
    return Unit{};
  }

  const GoldenCase& golden_;
  const GoldenRunOptions& options_;
  std::size_t vocab_;
  bool mtp_;
  GoldenRun run_;
  Recorder recorder_;
  model::Forward forward_;
  cache::Sequence sequence_;
};

}  // namespace

Result<GoldenRun> RunGoldenCase(const model::Model& model, const GoldenCase& golden,
                                const GoldenRunOptions& options, Threads& threads) {
  HADAL_CHECK(options.mtp_tail < golden.prompt.size());
  std::size_t longest = std::min(golden.prompt.size(), kLongestChunk);
  if (!options.chunks.empty()) longest = *std::ranges::max_element(options.chunks);
  HADAL_CHECK(longest >= 1 && longest <= kLongestChunk);
  HADAL_TRY(model::Forward forward,
            model::Forward::Create(model, options.numerics, threads, longest));
  HADAL_TRY(cache::Sequence sequence, cache::Sequence::Create(forward.layout()));
  return Runner(model, golden, options, std::move(forward), std::move(sequence)).Run();
}

Result<std::vector<float>> RunGoldenLayers(const model::Model& model,
                                           std::span<const std::int32_t> tokens,
                                           std::span<const float> layer_io,
                                           const arch::Numerics& numerics, Threads& threads) {
  const std::size_t width = model.config.stream_dim(), count = tokens.size();
  std::vector<float> out(model.config.num_hidden_layers * count * width);
  HADAL_TRY(model::Forward forward, model::Forward::Create(model, numerics, threads, count));
  for (std::size_t l = 0; l < model.config.num_hidden_layers; ++l) {
    HADAL_TRY(cache::Sequence sequence, cache::Sequence::Create(forward.layout()));
    HADAL_TRY_STATUS(sequence.Reserve(count));
    const model::Chunk chunk{&sequence.state(), tokens};
    HADAL_TRY_STATUS(forward.RunLayer(l, {&chunk, 1},
                                      {layer_io.data() + l * count * width, count, width},
                                      {out.data() + l * count * width, count, width}));
  }
  return out;
}

}  // namespace hadal::eval
