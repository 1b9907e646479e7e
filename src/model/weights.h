// A model's weights, bound to the mapped checkpoint by their published names.
//
// Large matrices stay where the file is mapped, in their stored format. Vectors (norms, biases,
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
#include "base/result.h"
#include "io/checkpoint.h"
#include "kernels/matmul.h"

namespace hadal::model {

using kernels::Weight;
using Vector = std::vector<float>;

struct HyperConnection {  // of one sub-layer
  Weight fn;              // [24, 4 dim]
  Vector base, scale;     // [24], [3]
};

struct HeadWeights {  // what lies between the layers and the product that gives logits
  Vector norm;
  Weight hc_fn;    // [4, 4 dim]
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

struct Expert {
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
  HyperConnection hc_attn, hc_ffn;
  Vector attn_norm, ffn_norm;
  Attention attn;
  Moe ffn;
};

struct Mtp {
  Layer layer;
  Weight e_proj, h_proj;
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
  io::Checkpoint checkpoint_;  // keeps the mapped weights alive
};

}  // namespace hadal::model
