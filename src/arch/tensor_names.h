// Which tensor is meant: the part of the model it belongs to and what it does there. The published
// name is one way of writing that down; names are read and written here and nowhere else.
//
//   embed.weight  norm.weight  hc_head_fn ..  head.weight      of the model
//   layers.N.<role>                                            of layer N
//   mtp.N.<role>                                               of MTP block N
//   <role>: attn_norm.weight, attn.wq_a.weight, attn.compressor.ape, ffn.gate.bias,
//   ffn.experts.E.w1.weight ..
// The scales of X.weight are X.scale.
// Source: DeepSeek-V4 checkpoints, model.safetensors.index.json; inference/convert.py, which leaves
// out the copies of embedding and head below mtp.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hadal::arch {

enum class Component {
  kEmbedding,
  kAttention,   // projections and sinks
  kCompressor,  // of the main keys
  kIndexer,     // with its own compressor
  kExperts,     // routed
  kSharedExperts,
  kRouter,  // gate, bias, tid2eid
  kHyperConnection,
  kNorm,
  kHead,
  kMtp,    // everything below mtp.
  kOther,  // no name of this architecture
};
inline constexpr std::size_t kComponents = 12;
const char* ComponentName(Component component);  // "attention projections"

// clang-format off
enum class Role : std::uint8_t {
  // of the model; the norm and the three of the head's mixing are of an MTP block too
  kEmbed, kNorm, kHcHeadFn, kHcHeadBase, kHcHeadScale, kHead,
  // of an MTP block
  kEProj, kHProj, kENorm, kHNorm,
  // of a layer, or of the one in an MTP block
  kHcAttnFn, kHcAttnBase, kHcAttnScale, kAttnNorm,
  kAttnSink, kWqA, kQNorm, kWqB, kWkv, kKvNorm, kWoA, kWoB,
  kCompressorApe, kCompressorWkv, kCompressorWgate, kCompressorNorm,
  kIndexerWqB, kIndexerWeightsProj,
  kIndexerApe, kIndexerWkv, kIndexerWgate, kIndexerNorm,  // of the indexer's own compressor
  kHcFfnFn, kHcFfnBase, kHcFfnScale, kFfnNorm,
  kGate, kGateBias, kTid2Eid,
  kExpertW1, kExpertW2, kExpertW3,
  kSharedW1, kSharedW2, kSharedW3,
};
// clang-format on
inline constexpr std::size_t kRoles = 45;

// How the numbers of a role may lie in a file, and how they are used.
enum class TensorKind : std::uint8_t {
  kMatrix,       // in any stored format, used where it is mapped
  kPlainMatrix,  // float32 or BF16, used where it is mapped
  kVector,       // float32 or BF16, copied (ape, a small matrix, is one)
  kTable,        // integers
};
TensorKind KindOf(Role role);

enum class Place : std::uint8_t { kModel, kLayer, kMtp };

struct TensorId {
  Role role = Role::kEmbed;
  Place place = Place::kModel;
  std::size_t layer = 0;   // of kLayer and kMtp, each counted from 0
  std::size_t expert = 0;  // of kExpertW1 to kExpertW3
  bool operator==(const TensorId&) const = default;
};

bool IsRoutedExpert(Role role);
Component ComponentOf(const TensorId& id);
std::string NameOf(const TensorId& id);
std::string ScaleName(std::string_view weight_name);  // X.weight -> X.scale
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

}  // namespace hadal::arch
