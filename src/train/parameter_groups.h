// Which optimizer a parameter belongs to, decided by its name, and into how many matrices it falls.
//
//   AdamW  embed, head; every norm; mHC biases and scales (hc_*_base, hc_*_scale); attn_sink; ape:
//          tables, and whatever has one dimension
//   Muon   every other matrix, those of mHC's dynamic mappings (hc_*_fn) too
//
// Matrices that are stored as one tensor but act apart are orthogonalised apart:
//   wq_b                one matrix a head, [head_dim, q_lora_rank]
//   indexer.wq_b        one matrix an indexer head
//   wo_a                one matrix a group, [o_lora_rank, head_dim * heads / groups]
//   experts.w1/w2/w3    one matrix an expert
// All others (also wkv and wgate of a compressor, and the stacked rows of hc_*_fn) are one matrix.
// The report does not say whether query heads are split; a head's update then does not depend on
// the others'. Source: DeepSeek-V4 report, section 4.2.2.
#pragma once
#include <torch/torch.h>

#include <string>
#include <utility>
#include <vector>

#include "arch/config.h"
#include "train/muon.h"
#include "train/train_state.h"

namespace hadal::train {

struct ParameterGroups {
  std::vector<MuonParameter> muon;
  NamedTensors adamw;
};

// Every parameter is in exactly one of the two. Without `muon`, all are AdamW's.
ParameterGroups GroupParameters(const NamedTensors& parameters, const arch::Config& config,
                                bool muon = true);

}  // namespace hadal::train
