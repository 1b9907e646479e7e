// Attention of every token over its window and the compressed entries it may see, in one softmax.
//
//   z[t,h,j] = q[t,h] . k_j * head_dim^-0.5      k_j: a window key or an entry; also the value
//   p[t,h,j] = exp(z[t,h,j]) / (sum_j exp(z[t,h,j]) + exp(sink[h]))
//   o[t,h]   = sum_j p[t,h,j] k_j
//
//   q        [batch, tokens, heads, head_dim]
//   kv       [batch, tokens, head_dim]           window keys = values, shared by the heads
//   entries  [batch, count, head_dim]            may be undefined: window only
//   sink     [heads]
//   selected [batch, tokens, count] uint8        may be undefined: every visible entry counts
//   o        [batch, tokens, heads, head_dim]
//   mass     [batch, tokens, count]              sum over heads of p on the entries; no gradient
//
// Queries are taken in blocks: a block is computed against the keys and the entries that any of its
// queries may see.
// Source: DeepSeek-V4 inference/kernel.py, sparse_attn.
#pragma once
#include <torch/torch.h>

#include "train/document_plan.h"
#include "train/matrix_product.h"

namespace hadal::train {

struct AttentionInputs {
  torch::Tensor q, kv, entries, sink, selected;
  bool want_mass = false;
};

struct AttentionResult {
  torch::Tensor o;
  torch::Tensor mass;  // undefined unless wanted
};

// visible: the plan's entries of the layer's ratio, or null where `entries` is undefined.
AttentionResult AttentionCore(const AttentionInputs& in, const DocumentPlan& plan,
                              std::int64_t window, const Entries* visible, Products products);

namespace plain {  // train/plain.h
AttentionResult AttentionCore(const AttentionInputs& in, const DocumentPlan& plan,
                              std::int64_t window, const Entries* visible, Products products);
}

}  // namespace hadal::train
