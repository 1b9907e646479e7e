// Where everything of a sequence's state lies: pages of 128 tokens for the compressed entries, and
// one fixed block for the rest. The cache allocates by it, the forward pass addresses by it.
//
// A page holds, layer after layer, what 128 tokens leave behind (arch/layer_kind.h):
//
//   CSA layer    32 key-value entries, then 32 indexer keys
//   HCA layer    1 key-value entry
//   V3.2         128 latent entries, then 128 indexer keys, the MTP block's too
//   window only  nothing; the same of V4's MTP block
//
// The fixed block holds, layer after layer (the MTP block last):
//
//   window  sliding_window + kReturnTokens key-value entries; position p in slot p mod their number
//   tail    the compressor's pooling candidates so far, float32 kv and score rows, and for CSA the
//           indexer's: CSA 8 rows (4 of the previous block, 4 of the current), HCA 128 rows; and
//           kReturnTokens more; token t in row t mod their number
//
// V3.2 has no rings: its fixed block is empty. Windows and tails are rings that keep kReturnTokens
// more than the next token needs, so that a sequence can go back by as many: what they have made
// the ring forget is not needed there.
//
// Source  report, "Inference systems": state cache and classical cache; inference/model.py,
//         Compressor (rows of the tails) and Attention (window).
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "arch/config.h"
#include "arch/layer_kind.h"
#include "arch/numerics.h"
#include "arch/selection.h"

namespace hadal::arch {

inline constexpr std::size_t kPageTokens = 128;

// Pages that so many tokens take: the last may be under way.
constexpr std::uint64_t PagesOf(std::uint64_t tokens) {
  return (tokens + kPageTokens - 1) / kPageTokens;
}

// How many of its newest tokens a sequence can take back (cache/sequence.h). More cost memory of
// every sequence (docs/architecture.md has the bytes); drafts that are verified together are seldom
// longer.
inline constexpr std::size_t kReturnTokens = 16;

struct TailLayout {                   // of one compressor
  std::size_t pooled = 0, width = 0;  // rows that pooling needs; channels of a row of kv or score
  std::size_t rows = 0;               // of the ring: pooled + kReturnTokens
  std::size_t kv_offset = 0, score_offset = 0;  // bytes, in the fixed block
  std::size_t row_bytes() const { return 2 * width * sizeof(float); }
  std::size_t bytes() const { return rows * row_bytes(); }
};

struct LayerLayout {
  bool mtp = false;  // of the MTP block
  LayerKind kind;
  std::size_t window_offset = 0;  // bytes, in the fixed block
  TailLayout tail, index_tail;
  std::size_t page_entries = 0;                    // kPageTokens / ratio; 0 without compression
  std::size_t entry_offset = 0, index_offset = 0;  // bytes, in a page
};

struct KvLayout {
  std::size_t window = 0;        // tokens that attention sees
  std::size_t window_slots = 0;  // of the ring: window + kReturnTokens
  std::size_t entry_bytes = 0, index_key_bytes = 0;
  std::vector<LayerLayout> layers;  // those selected, then the MTP block if there is one
  std::size_t page_bytes = 0, fixed_bytes = 0;

  // Whether reading on makes the state lose anything: rings do, pages do not.
  bool forgets() const { return fixed_bytes > 0; }
  // From so many tokens in front of a state's end, and the entries of its pages, its fixed block
  // follows to the bit: a layer's rows are right once the window of the one below them is.
  std::uint64_t TokensOfFixed() const;

  KvLayout() = default;
  KvLayout(const Config& config, const Numerics& numerics);
  // Of a part of the model: layers[0] is its layer selection.begin_layer. What a layer keeps does
  // not depend on which others are there.
  KvLayout(const Config& config, const Numerics& numerics, const Selection& selection);
};

}  // namespace hadal::arch
