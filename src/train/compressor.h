// The compressor: a gated pooling of blocks of tokens into one entry each.
//
//   kv = wkv x, g = wgate x + ape[position mod ratio]
//   ratio 128  entry = sum over the block's 128 tokens of softmax(g) * kv, per channel
//   ratio 4    kv and g are twice as wide. The candidates are the previous block's four tokens with
//              their first half of the channels and this block's four with the second half, one
//              softmax over all eight; the document's first block has only its own four
//   then RMSNorm; the caller applies RoPE at the block's first position.
// Source: DeepSeek-V4 inference/model.py, Compressor; technical report eq. 9-12.
#pragma once
#include <torch/torch.h>

#include "train/document_plan.h"
#include "train/linear.h"
#include "train/weights.h"

namespace hadal::train {

// x [batch*tokens, dim] -> [batch, entries.count, width], padding entries zero.
torch::Tensor Compress(const torch::Tensor& x, const CompressorWeights& weights,
                       const Entries& entries, double norm_eps, Products products);

// The pooling alone. kv, gate [batch*tokens, wide]; ape [ratio, wide]; -> [batch, count, width].
torch::Tensor PoolBlocks(const torch::Tensor& kv, const torch::Tensor& gate,
                         const torch::Tensor& ape, const Entries& entries, std::int64_t width);

namespace plain {  // train/plain.h
torch::Tensor PoolBlocks(const torch::Tensor& kv, const torch::Tensor& gate,
                         const torch::Tensor& ape, const Entries& entries, std::int64_t width);
}

}  // namespace hadal::train
