#include "model/choose.h"

#include <algorithm>

#include "model/entries.h"

namespace hadal::model {
namespace {

std::size_t VisibleEntries(const Pass& pass, std::size_t ratio, std::size_t row) {
  return (pass.batch.positions[row] + 1) / ratio;
}

std::size_t ScratchFloats(const arch::Config& c, std::size_t ratio) {
  return kernels::SelectScratchFloats(arch::kPageTokens / ratio, c.index_n_heads, c.index_head_dim);
}

}  // namespace

Choices TakeChoices(const Pass& pass, std::size_t ratio, Arena::Scope& scope) {
  const Choices choices{scope.Take<std::uint32_t>(pass.rows(), pass.config.index_topk),
                        scope.Take<std::uint32_t>(pass.rows())};
  for (std::size_t t = 0; t < pass.rows(); ++t)
    choices.count[t] = static_cast<std::uint32_t>(
        std::min(VisibleEntries(pass, ratio, t), choices.entries.cols()));
  return choices;
}

Selection Choose(const Pass& pass, std::size_t layer, std::size_t ratio,
                 const kernels::IndexQueries& queries, const Choices& choices, Arena& arena) {
  Arena::Scope scope(arena);
  const std::span<kernels::IndexedEntries> rows = scope.Take<kernels::IndexedEntries>(pass.rows());
  for (std::size_t t = 0; t < rows.size(); ++t)
    rows[t] = {IndexKeys(pass, *pass.batch.chunks[pass.batch.chunk_of[t]].sequence, layer),
               VisibleEntries(pass, ratio, t)};
  const View2<float> scratch =
      scope.Take<float>(pass.threads.count(), ScratchFloats(pass.config, ratio));
  kernels::SelectRows(rows, queries, choices.entries, pass.best, scratch, pass.threads);

  const Selection selection{choices.entries, choices.count};
  if (pass.observer != nullptr)
    for (std::size_t t = 0; t < rows.size(); ++t)
      pass.observer->Selected(pass.first_layer + layer, pass.batch.first_row + t, selection.Of(t));
  return selection;
}

std::size_t ChooseBytes(const arch::Config& c, std::size_t ratio, std::size_t rows,
                        std::size_t threads) {
  return Arena::BytesOf<kernels::IndexedEntries>(rows) +
         Arena::BytesOf<float>(threads, ScratchFloats(c, ratio));
}

}  // namespace hadal::model
