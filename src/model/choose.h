// What the indexers of both architectures share: every row chooses the best of the index keys that
// it may see, one for `ratio` tokens of its sequence.
#pragma once
#include "kernels/select_rows.h"
#include "model/pass.h"
#include "model/selection.h"

namespace hadal::model {

// Room for a Selection. entries [rows, topk]: not written yet; count [rows]: topk, or all that the
// row may see.
struct Choices {
  View2<std::uint32_t> entries;
  std::span<std::uint32_t> count;
};
Choices TakeChoices(const Pass& pass, std::size_t ratio, Arena::Scope& scope);

// Fills the room, among keys that are stored, and tells the pass's observer.
Selection Choose(const Pass& pass, std::size_t layer, std::size_t ratio,
                 const kernels::IndexQueries& queries, const Choices& choices, Arena& arena);
std::size_t ChooseBytes(const arch::Config& config, std::size_t ratio, std::size_t rows,
                        std::size_t threads);

}  // namespace hadal::model
