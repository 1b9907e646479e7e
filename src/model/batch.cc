#include "model/batch.h"

#include <algorithm>

#include "base/check.h"

namespace hadal::model {

void Batch::Clear() {
  chunks.clear();
  tokens.clear();
  positions.clear();
  chunk_of.clear();
}

void Batch::Add(SequenceState& sequence, std::uint64_t first_position,
                std::span<const std::int32_t> ids) {
  HADAL_CHECK(!ids.empty());
  const auto number = static_cast<std::uint32_t>(chunks.size());
  chunks.push_back({&sequence, rows(), ids.size(), first_position});
  for (std::size_t i = 0; i < ids.size(); ++i) {
    tokens.push_back(ids[i]);
    positions.push_back(first_position + i);
    chunk_of.push_back(number);
  }
}

Batch Batch::Rows(std::size_t begin, std::size_t count) const {
  Batch part;
  part.first_row = first_row + begin;
  for (const BatchChunk& chunk : chunks) {
    const std::size_t first = std::max(begin, chunk.first_row);
    const std::size_t end = std::min(begin + count, chunk.first_row + chunk.rows);
    if (first < end)
      part.Add(*chunk.sequence, chunk.first_position + (first - chunk.first_row),
               std::span(tokens).subspan(first, end - first));
  }
  return part;
}

}  // namespace hadal::model
