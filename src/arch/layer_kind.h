// What a layer is, as data: which parts it has and what it keeps. Whoever lists tensors, lays out a
// state, runs, counts or compares layers asks here, and not for an architecture.
//
//   architecture  layer              window  ratio  indexed  feed forward
//   V4            compress ratio 0   yes     0      no       experts, first layers by a table
//   V4            CSA                yes     4      yes      experts, first layers by a table
//   V4            HCA                yes     128    no       experts, first layers by a table
//   V3.2          latent attention   no      1      yes      experts, first layers dense
#pragma once
#include <cstddef>

#include "arch/config.h"

namespace hadal::arch {

struct LayerKind {
  bool window = false;    // the newest tokens' entries, in a ring
  std::size_t ratio = 0;  // tokens an entry in pages; 0: there are none
  bool indexed = false;   // an indexer with keys of its own chooses which entries are read
  bool hashed = false;    // a table chooses the experts
  bool dense = false;     // one gated unit in place of experts
  // Entries of several tokens: a compressor makes them and keeps a tail.
  bool pooled() const { return ratio > 1; }
};

// `layer` counts as the state does: the MTP block is num_hidden_layers.
LayerKind LayerKindOf(const Config& config, std::size_t layer);
std::size_t StateLayers(const Config& config);  // with the MTP block, if there is one

}  // namespace hadal::arch
