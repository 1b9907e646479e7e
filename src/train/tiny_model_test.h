// A model small enough for float64 and finite differences, which still has every kind of layer:
// tests only.
#pragma once
#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "train/v4_model.h"

namespace hadal::train {

inline arch::Config TinyConfig() {
  arch::Config c;
  c.vocab_size = 24;
  c.hidden_size = 32;
  c.num_hidden_layers = 4;
  c.num_attention_heads = 4;
  c.head_dim = 32;
  c.qk_rope_head_dim = 16;
  c.q_lora_rank = 32;
  c.o_groups = 2;
  c.o_lora_rank = 16;
  c.sliding_window = 5;
  c.index_n_heads = 2;
  c.index_head_dim = 32;
  c.index_topk = 3;
  c.moe_intermediate_size = 32;
  c.n_routed_experts = 5;
  c.num_experts_per_tok = 2;
  c.num_hash_layers = 1;
  c.routed_scaling_factor = 1.5;
  c.swiglu_limit = 2;
  c.compress_ratios = {0, 4, 128, 4, 0};
  c.num_nextn_predict_layers = 1;
  c.max_position_embeddings = 512;
  c.rope_scaling.factor = 16;
  c.rope_scaling.original_max_position_embeddings = 64;
  return c;
}

// Every parameter random, the ones that start at zero or one too, so that each has a say.
inline V4Model TinyModel(const arch::Config& config, torch::ScalarType type, std::uint64_t seed = 7,
                         Residual residual = Residual::kManifold) {
  at::set_num_threads(1);  // nothing here is worth waking a second one for
  const torch::NoGradGuard no_grad;
  V4Model model(config, seed, 0.2, residual);
  torch::manual_seed(seed);
  for (torch::Tensor& parameter : model->parameters())
    parameter.add_(torch::randn_like(parameter), 0.1);
  for (auto& buffer : model->named_buffers())
    if (buffer.key().ends_with("gate.bias")) buffer->add_(torch::randn_like(*buffer), 0.05);
  model->to(type);
  return model;
}

// Rows of the given document lengths, with random tokens.
inline Batch TinyBatch(const arch::Config& config,
                       const std::vector<std::vector<std::int64_t>>& lengths,
                       std::uint64_t seed = 3) {
  std::vector<torch::Tensor> rows;
  for (const std::vector<std::int64_t>& row : lengths) {
    std::vector<torch::Tensor> documents;
    for (std::size_t i = 0; i < row.size(); ++i)
      documents.push_back(torch::full({row[i]}, static_cast<std::int64_t>(i), torch::kLong));
    rows.push_back(torch::cat(documents));
  }
  Batch batch;
  batch.documents = torch::stack(rows);
  Random random(seed);
  batch.ids = torch::empty_like(batch.documents);
  for (std::int64_t i = 0; i < batch.ids.numel(); ++i)
    batch.ids.data_ptr<std::int64_t>()[i] =
        static_cast<std::int64_t>(random.Below(config.vocab_size));
  return batch;
}

}  // namespace hadal::train
