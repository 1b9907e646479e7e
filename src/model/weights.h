// A model's weights, bound to the mapped checkpoint by their published names.
//
// Large matrices stay where the file is mapped, in their stored format, but for two small parts
// that products need otherwise: scales of V3.2's FP8 matrices, and what of kv_b_proj makes queries
// of latents, transposed. Vectors (norms, biases,
// sinks, ape, hyper-connection scales) are copied as float32. Every tensor that the list calls for
// (arch/inventory.h) and the selection wants must be there with the right shape and a usable dtype;
// tensors that the list does not know are an error, but for those of other drafters, which are
// passed over.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arch/config.h"
#include "arch/selection.h"
#include "arch/stored_tensor.h"
#include "base/result.h"
#include "io/checkpoint.h"
#include "kernels/matmul.h"
#include "tensor/owned_matrix.h"

namespace hadal::model {

using kernels::Weight;
using Vector = std::vector<float>;

struct HyperConnection {  // of one sub-layer
  Weight fn;              // [24, 4 dim]
  Vector base, scale;     // [24], [3]
};

struct HeadWeights {  // what lies between the layers and the product that gives logits
  Vector norm;
  Weight hc_fn;    // V4: [4, 4 dim]
  Vector hc_base;  // [4]
  float hc_scale = 1;
};

struct Compressor {
  Weight wkv, wgate;  // [width, dim]; width = 2 head_dim for ratio 4, head_dim for 128
  Vector ape;         // [ratio, width]
  Vector norm;        // [head_dim]
};

struct Indexer {
  Weight wq_b;          // [heads * dim, q_lora_rank]
  Weight weights_proj;  // [heads, dim]
  Compressor compressor;
};

struct Attention {
  std::size_t ratio = 0;
  Weight wq_a, wq_b, wkv, wo_b;
  std::vector<Weight> wo_a;  // one a group: [o_lora_rank, heads/groups * head_dim]
  Vector q_norm, kv_norm, attn_sink;
  std::optional<Compressor> compressor;  // ratio 4 and 128
  std::optional<Indexer> indexer;        // ratio 4
};

// What kv_b_proj does for each head: queries into the latent space, latents into values.
struct LatentHeads {
  std::vector<OwnedMatrix> uk;  // W_UK transposed: [kv_lora_rank, qk_nope_head_dim]
  std::vector<Weight> uv;       // W_UV: [v_head_dim, kv_lora_rank]
};

struct LatentIndexer {
  Weight wq_b;                 // [heads * dim, q_lora_rank]
  Weight wk;                   // [dim, hidden]
  Weight weights_proj;         // [heads, hidden]
  Vector k_norm, k_norm_bias;  // [dim]
};

struct LatentAttention {
  Weight wq_a, wq_b, wkv_a, wo;
  Vector q_norm, kv_norm;
  LatentHeads heads;
  LatentIndexer indexer;
};

struct Expert {  // a gated unit: w2 (silu(w1 x) * w3 x); published also as gate, down and up
  Weight w1, w2, w3;
};

struct Moe {
  Weight gate;                         // [experts, dim]
  Vector bias;                         // [experts]; empty in hash-routed layers
  std::vector<std::uint32_t> tid2eid;  // [vocab, topk] in hash-routed layers, else empty
  std::vector<Expert> experts;         // of all numbers; without codes if not selected
  Expert shared_expert;
};

struct Layer {
  HyperConnection hc_attn, hc_ffn;  // V4
  Vector attn_norm, ffn_norm;
  Attention attn;                         // V4
  std::optional<LatentAttention> latent;  // V3.2
  Moe ffn;
  std::optional<Expert> mlp;  // in place of experts, in a dense layer
};

struct Mtp {
  Layer layer;
  Weight e_proj, h_proj;  // V4
  Weight eh_proj;         // V3.2: [dim, 2 dim]
  Vector enorm, hnorm;
  HeadWeights head;
};

class Model {
 public:
  // kNotFound, kInvalid, kCorrupt: names the tensor, what was found and what the config asks for.
  static Result<Model> Load(io::Checkpoint checkpoint, const arch::Selection& selection = {});
  // The same of a folder, in which nothing that is not selected need be there.
  static Result<Model> Open(const std::string& directory, const arch::Selection& selection = {});

  arch::Config config;        // of the whole model
  arch::Selection selection;  // what of it is here, with ends within the model
  Weight embed, head;         // [vocab, dim]; no codes if not selected, as other matrices
  HeadWeights before_head;
  std::vector<Layer> layers;  // [0] is the model's layer selection.begin_layer
  std::optional<Mtp> mtp;
  std::vector<std::string> notes;  // what of the files was passed over, a line each

  // As the state numbers layers: the MTP block comes behind the others.
  const Layer& LayerAt(std::size_t layer) const {
    return layer < layers.size() ? layers[layer] : mtp->layer;
  }
  const io::Checkpoint& checkpoint() const { return checkpoint_; }

 private:
  explicit Model(io::Checkpoint checkpoint) : checkpoint_(std::move(checkpoint)) {}
  // The matrix as the products take it best: float32 scales that E8M0 has become E8M0.
  Weight Usable(const arch::StoredTensor& stored);
  Status Bind(const arch::StoredTensor& stored);

  io::Checkpoint checkpoint_;           // keeps the mapped weights alive
  std::vector<OwnedMatrix> converted_;  // and so do these
};

}  // namespace hadal::model
