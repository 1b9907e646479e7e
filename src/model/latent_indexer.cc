#include "model/latent_indexer.h"

#include <algorithm>
#include <cmath>

#include "kernels/hadamard.h"
#include "kernels/layer_norm.h"
#include "kernels/rows.h"
#include "model/choose.h"
#include "model/entries.h"
#include "model/linear.h"
#include "model/watch_rows.h"

namespace hadal::model {
namespace {

constexpr float kKeyNormEps = 1e-6f;  // of the layer norm, whatever rms_norm_eps is
constexpr std::size_t kFp8Block = 128;
constexpr std::size_t kTokensOfAKey = 1;

float InverseRoot(std::size_t n) {
  return static_cast<float>(1 / std::sqrt(static_cast<double>(n)));
}

// RoPE and Hadamard of queries and keys alike: x [rows, heads * dim].
void Turn(const Pass& pass, View2<float> x) {
  const std::size_t dim = pass.config.index_head_dim;
  kernels::RotateHalves(x, dim, pass.angles.base, pass.threads);
  RoundActs(pass, x);
  kernels::Hadamard(x, dim, pass.threads);
  RoundActs(pass, x);
}

void StoreKeys(const Pass& pass, std::size_t layer, const LatentIndexer& indexer,
               View2<const float> x, Arena& arena) {
  Arena::Scope scope(arena);
  const View2<float> k = Linear(pass, x, indexer.wk, scope);
  kernels::LayerNorm(k, indexer.k_norm, indexer.k_norm_bias, kKeyNormEps, k, pass.threads);
  RoundActs(pass, k);
  Turn(pass, k);
  WatchRows(pass, layer, k);
  kernels::StoreEntries(KeyFormatOf(pass), k, PlacesOf(pass, layer, IndexKeys, scope),
                        pass.threads);
}

// q [rows, heads * dim], rounded as the keys are.
View2<const float> Queries(const Pass& pass, const LatentIndexer& indexer,
                           View2<const float> q_latent, Arena::Scope& scope) {
  const View2<float> q = Linear(pass, q_latent, indexer.wq_b, scope);
  Turn(pass, q);
  if (pass.numerics.quantised_indexer) {
    const std::size_t dim = pass.config.index_head_dim;
    kernels::RoundFp8(pass.config.scale_rule, {q.data(), q.rows() * (q.cols() / dim), dim},
                      kFp8Block, pass.threads);
  }
  return q;
}

// w [rows, heads]: in float32, whatever activations are.
View2<const float> HeadWeightsOf(const Pass& pass, const LatentIndexer& indexer,
                                 View2<const float> x, Arena::Scope& scope) {
  const View2<float> w = scope.Take<float>(x.rows(), pass.config.index_n_heads);
  kernels::MatMul(x, indexer.weights_proj, w, pass.threads);
  kernels::ScaleRows(InverseRoot(pass.config.index_n_heads), w, pass.threads);
  kernels::ScaleRows(InverseRoot(pass.config.index_head_dim), w, pass.threads);
  return w;
}

}  // namespace

Selection SelectTokens(const Pass& pass, std::size_t layer, const LatentIndexer& indexer,
                       View2<const float> x, View2<const float> q_latent, Arena::Scope& scope) {
  const Choices choices = TakeChoices(pass, kTokensOfAKey, scope);
  StoreKeys(pass, layer, indexer, x, scope.arena());
  Arena::Scope own(scope.arena());
  const View2<const float> q = Queries(pass, indexer, q_latent, own);
  const View2<const float> w = HeadWeightsOf(pass, indexer, x, own);
  WatchRows(pass, layer, q);
  WatchRows(pass, layer, w);
  return Choose(pass, layer, kTokensOfAKey,
                {.format = KeyFormatOf(pass), .q = q, .w = w, .packed = {}}, choices,
                scope.arena());
}

std::size_t SelectTokensBytes(const arch::Config& c, std::size_t rows, std::size_t threads) {
  const std::size_t keys =
      Arena::BytesOf<float>(rows, c.index_head_dim) +
      std::max(LinearInputBytes(rows, c.hidden_size), Arena::BytesOf<std::byte*>(rows));
  const std::size_t q = Arena::BytesOf<float>(rows, c.index_n_heads * c.index_head_dim);
  const std::size_t w = Arena::BytesOf<float>(rows, c.index_n_heads);
  const std::size_t select = ChooseBytes(c, kTokensOfAKey, rows, threads);
  return std::max({keys, q + LinearInputBytes(rows, c.q_lora_rank), q + w + select});
}

}  // namespace hadal::model
