// What an indexer chose for the rows of a batch.
#pragma once
#include <cstdint>
#include <span>

#include "arch/config.h"
#include "tensor/arena.h"
#include "tensor/view.h"

namespace hadal::model {

// The entries that rows attend, ascending.
struct Selection {
  View2<const std::uint32_t> entries;    // [rows, topk]
  std::span<const std::uint32_t> count;  // [rows]: how many of them
  std::span<const std::uint32_t> Of(std::size_t row) const {
    return entries[row].first(count[row]);
  }
};

inline std::size_t SelectionBytes(const arch::Config& config, std::size_t rows) {
  return Arena::BytesOf<std::uint32_t>(rows, config.index_topk) +
         Arena::BytesOf<std::uint32_t>(rows);
}

}  // namespace hadal::model
