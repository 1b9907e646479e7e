// Every tensor of a published checkpoint of a given config: name, shape, stored format, and what part
// of the model it belongs to. One list for inspecting, converting and counting checkpoints.
// Source: DeepSeek-V4 checkpoints, model.safetensors.index.json (names) and inference/model.py (shapes).
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "arch/config.h"
#include "tensor/stored_format.h"

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
Component ComponentOf(std::string_view tensor_name);

struct TensorSpec {
  std::string name;
  std::vector<std::uint64_t> shape;          // of the numbers: FP4 weights are not counted in pairs
  StoredFormat format = StoredFormat::kF32;  // as published

  std::uint64_t elements() const;
  bool trained() const;  // a parameter, as opposed to the hash layers' tables
};

// In the order of the model: embedding, layers, final norm, head, MTP.
std::vector<TensorSpec> TensorsOf(const Config& config);

// layers.0.attn.wkv.weight -> layers.0.attn.wkv.scale
std::string ScaleName(std::string_view weight_name);

// The embedding or the head again below mtp.: converters may write them; they are read from the model.
bool IsSharedCopy(std::string_view tensor_name);

// Parameters as papers count them: without scales and tables, MTP apart, FP4 weights one by one.
struct ParameterCount {
  std::uint64_t total = 0;   // without MTP
  std::uint64_t active = 0;  // of those, what one token passes through; of the embedding, one row
  std::uint64_t mtp = 0;
};
ParameterCount CountParameters(const Config& config);

}  // namespace hadal::arch
