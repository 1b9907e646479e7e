#include "model/forward.h"

#include <algorithm>
#include <cstring>

#include "kernels/matmul.h"
#include "kernels/rms_norm.h"
#include "model/block.h"
#include "model/hyper_connection.h"
#include "model/linear.h"
#include "model/pass.h"
#include "model/rope.h"

namespace hadal::model {

void Observer::Streams(std::size_t, View2<const float>) {}
void Observer::Routed(std::size_t, View2<const std::uint32_t>, View2<const float>) {}
void Observer::Selected(std::size_t, std::size_t, std::span<const std::uint32_t>) {}

struct Forward::Impl {
  Impl(const Model& m, const arch::Numerics& n, Threads& t, std::size_t max)
      : model(m),
        numerics(n),
        layout(m.config, n),
        max_tokens(max),
        tables(m.config),
        work(m.config, layout, max, t.count()),
        pass{m.config, numerics, layout, t, work, {}, 0, nullptr} {}

  std::size_t StreamCols() const { return model.config.hc_mult * model.config.hidden_size; }

  void Start(std::span<const Chunk> batch) {
    pass.batch.Clear();
    for (const Chunk& chunk : batch)
      pass.batch.Add(*chunk.sequence, chunk.sequence->tokens, chunk.tokens);
    HADAL_CHECK(pass.rows() <= max_tokens);
  }

  // X[0..3] = embed[token]
  void Embed(View2<float> streams) {
    const std::size_t dim = model.config.hidden_size;
    ForEach(pass, pass.rows(), [&](WorkerScratch&, std::size_t t) {
      const std::span<float> row = streams[t];
      DecodeRow(model.embed, static_cast<std::size_t>(pass.batch.tokens[t]), row.first(dim));
      for (std::size_t s = 1; s < model.config.hc_mult; ++s)
        std::ranges::copy(row.first(dim), row.begin() + static_cast<std::ptrdiff_t>(s * dim));
    });
  }

  void Observe(std::size_t boundary, View2<const float> streams) {
    if (pass.observer != nullptr) pass.observer->Streams(boundary, streams);
  }

  void LogitsOf(const HyperHead& head, std::span<const float> norm, View2<const float> streams,
                View2<float> logits) {
    // sub_out is free once the layers are done.
    const View2<float> y = work.sub_out.As(streams.rows(), model.config.hidden_size);
    for (std::size_t t = 0; t < y.rows(); ++t) HcHead(pass, head, norm, streams[t], y[t]);
    kernels::MatMul(y, model.head, logits, pass.threads);
  }

  // Z[j] = e_proj enorm(embed[next token]) + h_proj hnorm(X[j])
  void MtpInput(View2<const float> streams, View2<float> z) {
    const Mtp& mtp = *model.mtp;
    const std::size_t dim = model.config.hidden_size;
    const auto eps = static_cast<float>(model.config.rms_norm_eps);
    const View2<float> e = pass.Rows(work.x, dim), projected = pass.Rows(work.sub_out, dim);
    const View2<float> h = e;
    ForEach(pass, pass.rows(), [&](WorkerScratch&, std::size_t t) {
      DecodeRow(model.embed, static_cast<std::size_t>(pass.batch.tokens[t]), e[t]);
      kernels::RmsNorm(e[t], mtp.enorm, eps, e[t]);
      RoundActs(numerics, e[t]);
    });
    Linear(pass, e, {{&mtp.e_proj, projected}});
    for (std::size_t s = 0; s < model.config.hc_mult; ++s) {
      ForEach(pass, pass.rows(), [&](WorkerScratch&, std::size_t t) {
        kernels::RmsNorm(streams[t].subspan(s * dim, dim), mtp.hnorm, eps, h[t]);
        RoundActs(numerics, h[t]);
      });
      const View2<float> out = z.Cols(s * dim, dim);
      Linear(pass, h, {{&mtp.h_proj, out}});
      ForEach(pass, pass.rows(), [&](WorkerScratch&, std::size_t t) {
        for (std::size_t d = 0; d < dim; ++d) out[t][d] += projected[t][d];
        RoundActs(numerics, out[t]);
      });
    }
  }

  const Model& model;
  const arch::Numerics numerics;
  const arch::KvLayout layout;
  const std::size_t max_tokens;
  const RopeTables tables;
  Workspace work;
  Pass pass;
  std::size_t run_rows = 0, mtp_rows = 0;
};

Forward::Forward(const Model& model, const arch::Numerics& numerics, Threads& threads,
                 std::size_t max_tokens)
    : impl_(std::make_unique<Impl>(model, numerics, threads, max_tokens)) {}
Forward::~Forward() = default;

const arch::KvLayout& Forward::layout() const { return impl_->layout; }
std::size_t Forward::max_tokens() const { return impl_->max_tokens; }
std::size_t Forward::scratch_bytes() const { return impl_->work.bytes(); }
void Forward::set_observer(Observer* observer) { impl_->pass.observer = observer; }

void Forward::Run(std::span<const Chunk> batch) {
  Impl& f = *impl_;
  f.Start(batch);
  f.run_rows = f.pass.rows();
  const View2<float> streams = f.pass.Rows(f.work.streams, f.StreamCols());
  f.Embed(streams);
  for (std::size_t l = 0; l < f.model.layers.size(); ++l) {
    f.Observe(l, streams);
    RunBlock(f.pass, l, f.model.layers[l], f.tables, streams);
  }
  f.Observe(f.model.layers.size(), streams);
  for (const Chunk& chunk : batch) chunk.sequence->tokens += chunk.tokens.size();
}

View2<const float> Forward::streams() const {
  return impl_->work.streams.As(impl_->run_rows, impl_->StreamCols());
}

void Forward::Logits(std::size_t row, std::span<float> logits) {
  Logits(row, View2<float>(logits.data(), 1, logits.size()));
}

void Forward::Logits(std::size_t first_row, View2<float> logits) {
  impl_->LogitsOf(impl_->model.hc_head, impl_->model.norm, streams().Rows(first_row, logits.rows()),
                  logits);
}

void Forward::RunMtp(SequenceState& sequence, std::size_t first_row,
                     std::span<const std::int32_t> next_tokens) {
  Impl& f = *impl_;
  HADAL_CHECK(f.model.mtp.has_value());
  const View2<const float> streams = this->streams().Rows(first_row, next_tokens.size());
  f.pass.batch.Clear();
  f.pass.batch.Add(sequence, sequence.mtp_tokens, next_tokens);
  f.mtp_rows = f.pass.rows();
  const View2<float> z = f.pass.Rows(f.work.mtp_streams, f.StreamCols());
  f.MtpInput(streams, z);
  RunBlock(f.pass, f.model.layers.size(), f.model.mtp->layer, f.tables, z);
  sequence.mtp_tokens += next_tokens.size();
}

void Forward::MtpLogits(std::size_t index, std::span<float> logits) {
  Impl& f = *impl_;
  const View2<const float> z = f.work.mtp_streams.As(f.mtp_rows, f.StreamCols());
  f.LogitsOf(f.model.mtp->hc_head, f.model.mtp->norm, z.Rows(index, 1),
             View2<float>(logits.data(), 1, logits.size()));
}

void Forward::RunLayer(std::size_t layer, std::span<const Chunk> batch, View2<const float> in,
                       View2<float> out) {
  Impl& f = *impl_;
  f.Start(batch);
  f.run_rows = f.pass.rows();
  const View2<float> streams = f.pass.Rows(f.work.streams, f.StreamCols());
  HADAL_CHECK(in.rows() == streams.rows() && out.rows() == streams.rows());
  for (std::size_t t = 0; t < in.rows(); ++t) std::ranges::copy(in[t], streams[t].begin());
  RunBlock(f.pass, layer, f.model.layers[layer], f.tables, streams);
  for (std::size_t t = 0; t < in.rows(); ++t) std::ranges::copy(streams[t], out[t].begin());
}

}  // namespace hadal::model
