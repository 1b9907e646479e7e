// The choices of the architecture that are easy to get wrong. The defaults are the published model;
// each other value is a typical mistake, which reference_test.cc makes on purpose to see that the
// comparison with the golden data tells it.
#pragma once
#include <cstddef>

namespace hadal::reference {

struct Rules {
  bool interleaved_pairs = true;  // rotary pairs (2i, 2i+1), not (i, i + rd/2)
  bool rotate_last_channels = true;
  bool rotate_output_back = true;
  bool yarn = true;  // in layers that compress
  bool yarn_ramp_inverted = false;
  bool one_rope_table = false;  // layers that do not compress use the compressing ones' table

  bool normalise_query_heads = true;
  bool normalise_indexer_queries = false;
  bool rotate_indexer_queries = true;
  bool hadamard = true;
  bool indexer_relu = true;
  bool indexer_selects = true;  // false: every visible entry is used
  bool swap_overlap_halves = false;
  bool overlap = true;                     // false: a CSA block pools its own four tokens only
  bool pad_first_block_with_zero = false;  // instead of minus infinity
  enum class EntryPosition { kFirst, kLast, kBlockIndex };
  EntryPosition entry_position = EntryPosition::kFirst;
  std::size_t csa_delay = 0, hca_delay = 0;  // tokens later than published at which a block is seen
  bool interleave_output_groups = false;

  bool transpose_comb = false;
  double post_factor = 2;
  bool hc_rms = true;
  bool eps_on_pre = true, eps_on_head = true;

  bool bias_in_weights = false;
  bool normalise_weights = true;
  bool gate_sigmoid = false;
  bool hash_layers_use_scores = false;
  bool clamp_gate_below = false;
  bool clamp_shared_expert = true;

  bool mtp_embeds_next_token = true;  // false: the position's own token
  bool mtp_uses_embedding = true;
};

}  // namespace hadal::reference
