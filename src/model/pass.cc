#include "model/pass.h"

#include <algorithm>

#include "kernels/attention.h"

namespace hadal::model {
namespace {

std::size_t EntryDim(const arch::Config& c) { return std::max(c.head_dim, c.index_head_dim); }

}  // namespace

WorkerScratch::WorkerScratch(const arch::Config& c, Arena::Scope& scope)
    : tile(scope.Take<float>(kernels::kAttentionTile * EntryDim(c))),
      head_max(scope.Take<float>(c.num_attention_heads)),
      head_sum(scope.Take<float>(c.num_attention_heads)),
      weighted(scope.Take<float>(c.num_attention_heads * c.head_dim)),
      pool_kv(scope.Take<float>(arch::kHcaRatio * EntryDim(c))),
      pool_score(scope.Take<float>(arch::kHcaRatio * EntryDim(c))),
      scores(scope.Take<float>(kernels::kAttentionTile)),
      topk(c.index_topk) {}

std::size_t WorkerScratch::Bytes(const arch::Config& c) {
  const auto floats = [](std::size_t count) { return Arena::BytesOf<float>(count); };
  return floats(kernels::kAttentionTile * EntryDim(c)) + 2 * floats(c.num_attention_heads) +
         floats(c.num_attention_heads * c.head_dim) + 2 * floats(arch::kHcaRatio * EntryDim(c)) +
         floats(kernels::kAttentionTile);
}

}  // namespace hadal::model
