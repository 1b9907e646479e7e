#include "model/forward.h"

#include <algorithm>

#include "base/units.h"
#include "kernels/matmul.h"
#include "kernels/rows.h"
#include "kernels/select_rows.h"
#include "model/architecture.h"
#include "model/expert_runner.h"
#include "model/guess.h"
#include "model/moe.h"
#include "model/pass.h"
#include "model/rope.h"
#include "tensor/arena.h"

namespace hadal::model {
struct Forward::Impl {
  Impl(const Model& m, const arch::Numerics& n, Threads& t, std::size_t max, ExpertRunner* experts,
       Arena memory)
      : model(m),
        architecture(ArchitectureOf(m.config)),
        numerics(n),
        layout(m.config, n, m.selection),
        max_tokens(max),
        tables(m.config),
        arena(std::move(memory)),
        kept(arena),
        all_streams(kept.Take<float>(max, m.config.stream_dim())),
        best(t.count() *
                 kernels::SelectRowsTogether(m.config.index_n_heads, m.config.index_head_dim),
             kernels::TopK(m.config.index_topk)),
        context{m.config, numerics, layout, tables, t, {}, experts != nullptr ? experts : &local} {
    if (m.mtp.has_value()) all_mtp_streams = kept.Take<float>(max, m.config.stream_dim());
    context.best = best;
    context.first_layer = m.selection.begin_layer;
  }

  View2<float> StartBatch(std::span<const Chunk> chunks) {
    batch = {};
    for (const Chunk& chunk : chunks)
      batch.Add(*chunk.sequence, chunk.sequence->tokens, chunk.tokens);
    HADAL_CHECK(batch.rows() <= max_tokens);
    streams = all_streams.Rows(0, batch.rows());
    return streams;
  }

  // X[s] = embed[token]
  void Embed(const Batch& of, View2<float> x) {
    const std::size_t dim = model.config.hidden_size;
    kernels::DecodeRows(model.embed, of.tokens, x.Cols(0, dim), context.threads);
    for (std::size_t s = 1; s < model.config.hc_mult; ++s)
      kernels::CopyRows(x.Cols(0, dim), x.Cols(s * dim, dim), context.threads);
  }

  void Observe(std::size_t boundary) {
    if (context.observer != nullptr)
      context.observer->Streams(context.first_layer + boundary, streams);
  }

  // The batch's streams through every layer that is here.
  Status RunLayers(std::span<const Chunk> chunks, const std::function<bool()>& stop) {
    Arena::Scope scope(arena);
    Pass pass(context, batch, AnglesOf(tables, batch, context.threads, scope));
    pass.stop = &stop;
    const bool guess = context.experts->WantsGuesses();
    if (guess) GuessByTokens(pass, model);
    for (std::size_t l = 0; l < model.layers.size(); ++l) {
      if (stop && stop()) return Fail(Code::kCancelled, "stopped");
      Observe(l);
      if (guess) GuessNextLayer(pass, architecture, model, l, streams, arena);
      HADAL_TRY_STATUS(architecture.run_layer(pass, l, model.layers[l], streams, arena));
    }
    Observe(model.layers.size());
    for (const Chunk& chunk : chunks) chunk.sequence->tokens += chunk.tokens.size();
    return Unit{};
  }

  void LogitsOf(const HeadWeights& head, View2<const float> x, View2<float> logits) {
    Arena::Scope scope(arena);
    kernels::MatMul(architecture.head_input(context, head, x, scope), model.head, logits,
                    context.threads);
  }

  // The MTP block over `of`: z holds the streams that its rows begin with, and then those they
  // end with.
  Status RunMtpRows(const Batch& of, View2<float> z) {
    const std::size_t layer = model.layers.size();
    {
      Arena::Scope scope(arena);
      const View2<float> e = scope.Take<float>(of.rows(), model.config.hidden_size);
      kernels::DecodeRows(model.embed, of.tokens, e, context.threads);
      architecture.mtp_input(context, *model.mtp, z, e, z, arena);
    }
    Arena::Scope scope(arena);
    const Pass pass(context, of, AnglesOf(tables, of, context.threads, scope));
    HADAL_TRY_STATUS(architecture.run_layer(pass, layer, model.mtp->layer, z, arena));
    for (const BatchChunk& chunk : of.chunks) chunk.sequence->mtp_tokens += chunk.rows;
    return Unit{};
  }

  const Model& model;
  const Architecture& architecture;
  const arch::Numerics numerics;
  const arch::KvLayout layout;
  const std::size_t max_tokens;
  const RopeTables tables;
  MappedExperts mapped{model};
  LocalExpertRunner local{mapped};
  Arena arena;
  Arena::Scope kept;  // for the life of the Forward
  View2<float> all_streams, all_mtp_streams;
  std::vector<kernels::TopK> best;
  Context context;
  Batch batch;                        // of the last Run
  View2<float> streams, mtp_streams;  // of the last Run's and RunMtp's rows
};

Result<Forward> Forward::Create(const Model& model, const arch::Numerics& numerics,
                                Threads& threads, std::size_t max_tokens, ExpertRunner* experts) {
  const arch::KvLayout layout(model.config, numerics, model.selection);
  auto arena = Arena::Create(ScratchBytes(model.config, layout, max_tokens, threads.count()));
  if (!arena.ok())
    return Within(fmt::format("scratch for passes of {} tokens", FormatCount(max_tokens)),
                  arena.error());
  return Forward(
      std::make_unique<Impl>(model, numerics, threads, max_tokens, experts, std::move(*arena)));
}

Forward::Forward(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Forward::~Forward() = default;
Forward::Forward(Forward&& other) noexcept = default;
Forward& Forward::operator=(Forward&& other) noexcept = default;

const arch::KvLayout& Forward::layout() const { return impl_->layout; }
std::size_t Forward::max_tokens() const { return impl_->max_tokens; }
std::size_t Forward::scratch_bytes() const { return impl_->arena.bytes(); }
std::size_t Forward::scratch_peak_bytes() const { return impl_->arena.peak_bytes(); }
void Forward::set_observer(Observer* observer) { impl_->context.observer = observer; }

std::size_t Forward::ScratchBytes(const arch::Config& c, const arch::KvLayout& layout,
                                  std::size_t max_tokens, std::size_t threads) {
  const std::size_t streams = Arena::BytesOf<float>(max_tokens, c.stream_dim());
  const bool mtp = !layout.layers.empty() && layout.layers.back().mtp;
  const Architecture& architecture = ArchitectureOf(c);
  const std::size_t mtp_input = Arena::BytesOf<float>(max_tokens, c.hidden_size) +
                                architecture.mtp_input_bytes(c, max_tokens);
  return (mtp ? 2 : 1) * streams +
         std::max(
             {AnglesBytes(c, max_tokens) + architecture.layer_bytes(c, layout, max_tokens, threads),
              architecture.head_input_bytes(c, max_tokens), mtp ? mtp_input : 0});
}

Status Forward::Run(std::span<const Chunk> batch, const std::function<bool()>& stop) {
  Impl& f = *impl_;
  HADAL_CHECK(f.context.first_layer == 0 && f.model.selection.embed);
  f.StartBatch(batch);
  f.Embed(f.batch, f.streams);
  return f.RunLayers(batch, stop);
}

Status Forward::RunFrom(std::span<const Chunk> chunks, View2<const float> streams,
                        const std::function<bool()>& stop) {
  Impl& f = *impl_;
  f.StartBatch(chunks);
  kernels::CopyRows(streams, f.streams, f.context.threads);
  return f.RunLayers(chunks, stop);
}

View2<const float> Forward::streams() const { return impl_->streams; }

void Forward::Logits(std::size_t row, std::span<float> logits) {
  Logits(row, View2<float>(logits.data(), 1, logits.size()));
}

void Forward::Logits(std::size_t first_row, View2<float> logits) {
  impl_->LogitsOf(impl_->model.before_head, streams().Rows(first_row, logits.rows()), logits);
}

Status Forward::RunMtp(std::span<const MtpChunk> chunks) {
  Impl& f = *impl_;
  HADAL_CHECK(f.model.mtp.has_value());
  Batch batch;
  for (const MtpChunk& chunk : chunks) {
    const std::size_t row = batch.rows(), count = chunk.next_tokens.size();
    batch.Add(*chunk.sequence, chunk.sequence->mtp_tokens, chunk.next_tokens);
    HADAL_CHECK(batch.rows() <= f.max_tokens);
    kernels::CopyRows(streams().Rows(chunk.first_row, count), f.all_mtp_streams.Rows(row, count),
                      f.context.threads);
  }
  f.mtp_streams = f.all_mtp_streams.Rows(0, batch.rows());
  return f.RunMtpRows(batch, f.mtp_streams);
}

void Forward::KeepMtpRows(std::span<const std::size_t> rows) {
  Impl& f = *impl_;
  for (std::size_t i = 0; i < rows.size(); ++i)
    kernels::CopyRows(f.mtp_streams.Rows(rows[i], 1), f.mtp_streams.Rows(i, 1), f.context.threads);
  f.mtp_streams = f.all_mtp_streams.Rows(0, rows.size());
}

Status Forward::RunMtpOn(std::span<SequenceState* const> sequences,
                         std::span<const std::int32_t> next_tokens) {
  Impl& f = *impl_;
  HADAL_CHECK(sequences.size() == f.mtp_streams.rows() && next_tokens.size() == sequences.size());
  Batch batch;
  for (std::size_t i = 0; i < sequences.size(); ++i)
    batch.Add(*sequences[i], sequences[i]->mtp_tokens, next_tokens.subspan(i, 1));
  return f.RunMtpRows(batch, f.mtp_streams);
}

void Forward::MtpLogits(std::size_t index, std::span<float> logits) {
  Impl& f = *impl_;
  f.LogitsOf(f.model.mtp->head, f.mtp_streams.Rows(index, 1),
             View2<float>(logits.data(), 1, logits.size()));
}

void Forward::AnnounceTokens(std::span<const std::int32_t> tokens) {
  Impl& f = *impl_;
  if (!f.context.experts->WantsGuesses()) return;
  for (std::size_t l = 0; l < f.model.layers.size(); ++l) {
    const std::vector<std::uint32_t> experts =
        ExpertsByToken(f.model.config, f.model.layers[l].ffn, tokens);
    if (!experts.empty()) f.context.experts->Guess(l, experts);
  }
}

Status Forward::RunLayer(std::size_t layer, std::span<const Chunk> chunks, View2<const float> in,
                         View2<float> out) {
  Impl& f = *impl_;
  const View2<float> streams = f.StartBatch(chunks);
  Arena::Scope scope(f.arena);
  const Pass pass(f.context, f.batch, AnglesOf(f.tables, f.batch, f.context.threads, scope));
  kernels::CopyRows(in, streams, f.context.threads);
  HADAL_TRY_STATUS(f.architecture.run_layer(pass, layer, f.model.layers[layer], streams, f.arena));
  kernels::CopyRows(streams, out, f.context.threads);
  return Unit{};
}

}  // namespace hadal::model
