// The sum over rows of -log softmax(logits)[target], in one pass, without a gradient: what is
// learnt from has it by HeadLoss (train/head_loss.h).
//
//   logits   [rows, vocab]  float32 or float64
//   targets  [rows] int64; `ignored`: the row adds nothing
#pragma once
#include <torch/torch.h>

#include <cstdint>

namespace hadal::train {

torch::Tensor SumOfCrossEntropy(const torch::Tensor& logits, const torch::Tensor& targets,
                                std::int64_t ignored);

namespace plain {  // train/plain.h
torch::Tensor SumOfCrossEntropy(const torch::Tensor& logits, const torch::Tensor& targets,
                                std::int64_t ignored);
}

}  // namespace hadal::train
