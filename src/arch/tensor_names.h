// Which tensor is meant: the part of the model it belongs to and what it does there. The published
// name is one way of writing that down; names are read and written here and nowhere else. V4's:
//
//   embed.weight  norm.weight  hc_head_fn ..  head.weight      of the model
//   layers.N.<role>                                            of layer N
//   mtp.N.<role>                                               of MTP block N
//
// A role is attn_norm.weight, attn.wq_a.weight, attn.compressor.ape, ffn.gate.bias,
// ffn.experts.E.w1.weight .. The scales of X.weight are X.scale. Those of V3.2's release are in
// arch/names_v32.h.
// Source: DeepSeek-V4 checkpoints, model.safetensors.index.json; inference/convert.py, which leaves
// out the copies of embedding and head below mtp.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "arch/config.h"

namespace hadal::arch {

enum class Component {
  kEmbedding,
  kAttention,   // projections and sinks
  kCompressor,  // of the main keys
  kIndexer,     // with its own compressor
  kExperts,     // routed
  kSharedExperts,
  kFeedForward,  // of layers without experts
  kRouter,       // gate, bias, tid2eid
  kHyperConnection,
  kNorm,
  kHead,
  kMtp,    // everything below mtp.
  kOther,  // no name of this architecture
};
inline constexpr std::size_t kComponents = 13;
const char* ComponentName(Component component);  // "attention projections"

// clang-format off
enum class Role : std::uint8_t {
  // of the model; the norm and the three of the head's mixing are of an MTP block too
  kEmbed, kNorm, kHcHeadFn, kHcHeadBase, kHcHeadScale, kHead,
  // of an MTP block
  kEProj, kHProj, kENorm, kHNorm, kEhProj,
  // of a layer, or of the one in an MTP block
  kHcAttnFn, kHcAttnBase, kHcAttnScale, kAttnNorm,
  kAttnSink, kWqA, kQNorm, kWqB, kWkv, kKvNorm, kWkvB, kWoA, kWoB, kWo,
  kCompressorApe, kCompressorWkv, kCompressorWgate, kCompressorNorm,
  kIndexerWqB, kIndexerWeightsProj,
  kIndexerApe, kIndexerWkv, kIndexerWgate, kIndexerNorm,  // of the indexer's own compressor
  kIndexerWk, kIndexerNormBias,                           // of an indexer without one
  kHcFfnFn, kHcFfnBase, kHcFfnScale, kFfnNorm,
  kGate, kGateBias, kTid2Eid,
  kMlpW1, kMlpW2, kMlpW3,
  kExpertW1, kExpertW2, kExpertW3,
  kSharedW1, kSharedW2, kSharedW3,
};
// clang-format on
inline constexpr std::size_t kRoles = 53;

// How the numbers of a role may lie in a file, and how they are used.
enum class TensorKind : std::uint8_t {
  kMatrix,       // in any stored format, used where it is mapped
  kPlainMatrix,  // float32 or BF16, used where it is mapped
  kVector,       // float32 or BF16, copied (ape, a small matrix, is one)
  kTable,        // integers
};
TensorKind KindOf(Role role);

enum class Part : std::uint8_t { kModel, kLayer, kMtp };
enum class Naming : std::uint8_t { kV4, kV32 };  // whose release names tensors so

struct TensorId {
  Role role = Role::kEmbed;
  Part part = Part::kModel;
  std::size_t layer = 0;   // of kLayer and kMtp, each counted from 0; V3.2 counts its MTP block on
  std::size_t expert = 0;  // of kExpertW1 to kExpertW3
  Naming naming = Naming::kV4;
  bool operator==(const TensorId&) const = default;
};

bool IsRoutedExpert(Role role);
Component ComponentOf(const TensorId& id);
std::string NameOf(const TensorId& id);
std::string ScaleName(const TensorId& id);  // of a matrix
// The name without layer, expert and ".weight", "mtp." before those of MTP blocks:
// "ffn.experts.w1".
std::string GroupName(const TensorId& id);

// What a name in a file stands for. Whether a model has that tensor, the list says
// (arch/inventory.h).
struct Recognised {
  enum class Kind {
    kTensor,      // `id`
    kScale,       // of `id`
    kSharedCopy,  // embedding or head again, below mtp.: read from the model
    kDrafter,     // below the prefix of a drafter of which this version knows nothing
    kUnknown,
  };
  Kind kind = Kind::kUnknown;
  TensorId id = {};
  Component component() const;
};
Recognised Recognise(std::string_view name);
// The same, where the config tells V3.2's MTP block from its layers.
Recognised Recognise(std::string_view name, const Config& config);

}  // namespace hadal::arch
