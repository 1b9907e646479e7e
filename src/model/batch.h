// A batch laid out for the layers: its rows are the chunks' tokens one after another.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "model/sequence_state.h"

namespace hadal::model {

struct BatchChunk {
  SequenceState* sequence;
  std::size_t first_row, rows;
  std::uint64_t first_position;
};

struct Batch {
  std::size_t first_row = 0;  // of the whole batch; not 0 in a later part
  std::vector<BatchChunk> chunks;
  std::vector<std::int32_t> tokens;      // [rows]
  std::vector<std::uint64_t> positions;  // [rows]
  std::vector<std::uint32_t> chunk_of;   // [rows]
  std::size_t rows() const { return tokens.size(); }

  // Rows [begin, begin + count) as a batch of their own: chunks that continue those before.
  Batch Rows(std::size_t begin, std::size_t count) const;
  void Clear();
  void Add(SequenceState& sequence, std::uint64_t first_position,
           std::span<const std::int32_t> ids);
};

}  // namespace hadal::model
