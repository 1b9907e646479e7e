// DeepSeek-V4: the list of tensors is arch/inventory.h's, the sizes of entries arch/kv_layout.h's.
#include <algorithm>
#include <string_view>
#include <utility>

#include "arch/config.h"
#include "arch/inventory.h"
#include "arch/kv_layout.h"
#include "cost/describe_families.h"

namespace hadal::cost {
namespace {

using arch::Config;
using arch::Role;
using arch::TensorSpec;

Component ComponentOf(const TensorSpec& spec) {
  switch (arch::ComponentOf(spec.id)) {
    case arch::Component::kEmbedding:
      return Component::kEmbedding;
    case arch::Component::kCompressor:
      return Component::kCompressors;
    case arch::Component::kIndexer:
      return Component::kIndexer;
    case arch::Component::kExperts:
      return Component::kExperts;
    case arch::Component::kSharedExperts:
      return Component::kSharedExperts;
    case arch::Component::kFeedForward:
      return Component::kFeedForward;
    case arch::Component::kRouter:
      return Component::kRouter;
    case arch::Component::kHyperConnection:
      return Component::kHyperConnections;
    case arch::Component::kNorm:
      return Component::kNorms;
    case arch::Component::kHead:
      return Component::kHead;
    case arch::Component::kMtp:
      return Component::kMtp;
    case arch::Component::kAttention:
    case arch::Component::kOther:
      break;
  }
  return Component::kAttention;
}

// Absent: by how the numbers are stored.
std::optional<Work> WorkOf(const TensorSpec& spec) {
  switch (spec.id.role) {
    case Role::kEmbed:
    case Role::kTid2Eid:
    case Role::kCompressorApe:
    case Role::kIndexerApe:
      return Work::kNone;
    case Role::kCompressorWkv:
    case Role::kCompressorWgate:
    case Role::kIndexerWkv:
    case Role::kIndexerWgate:
      return Work::kCompressor;
    case Role::kWoA:
      return Work::kOutputA;
    default:
      return spec.shape.size() == 2 ? std::nullopt : std::optional(Work::kNone);
  }
}

bool ForLogits(const arch::TensorId& id) {
  return id.part == arch::Part::kModel && id.role != Role::kEmbed;
}

arch::Module ModuleOf(const TensorSpec& spec) {
  constexpr std::string_view kWeight = ".weight";
  const bool as_config = spec.format == StoredFormat::kBf16;
  std::string name = spec.name;
  if (name.ends_with(kWeight)) name.resize(name.size() - kWeight.size());
  return {.name = std::move(name),
          .rows = spec.shape.size() == 2 ? spec.shape[0] : 1,
          .cols = spec.shape.back(),
          .linear = LayoutOf(spec.format).scaled(),
          .packing = as_config ? std::nullopt : std::optional(arch::PackingOf(spec.format))};
}

void AddTensor(const Config& c, const TensorSpec& spec, WeightList* weights) {
  const bool expert = arch::IsRoutedExpert(spec.id.role);
  if (expert && spec.id.expert != 0) return;  // counted with the first
  const std::string name = arch::GroupName(spec.id);
  Tensor t{.name = name,
           .component = ComponentOf(spec),
           .work = WorkOf(spec),
           .module = ModuleOf(spec),
           .for_logits = ForLogits(spec.id),
           .trained = spec.trained(),
           .by_token = spec.id.part == arch::Part::kLayer && spec.id.layer < c.num_hash_layers};
  if (expert) {
    t.module.count = t.of = c.n_routed_experts;
    t.active = c.num_experts_per_tok;
  } else if (t.component == Component::kEmbedding || !spec.trained()) {
    t.of = t.module.rows;  // a lookup
  }
  // The block's input: every residual stream through the same matrix.
  if (spec.id.role == Role::kHProj) t.uses = c.hc_mult;
  weights->Add(t);
}

using EntryBytes = std::array<std::uint64_t, kKvFormats>;

EntryBytes MainEntryBytes(const Config& c, const arch::KvLayout& layout) {
  const std::uint64_t payload = c.nope_dim() + 2 * c.qk_rope_head_dim;
  const std::uint64_t published = layout.entry_bytes, bf16 = 2 * c.head_dim;
  return {published, payload, published, payload + c.nope_dim() / 64, bf16, bf16};
}

EntryBytes IndexKeyBytes(const Config& c, const arch::KvLayout& layout) {
  const std::uint64_t dim = c.index_head_dim, published = layout.index_key_bytes;
  return {published, dim / 2, dim + 4 * ((dim + 127) / 128), published, 2 * dim, published};
}

class KvList {
 public:
  explicit KvList(const Config& config) : c_(config), layout_(config, {}) {}

  std::vector<KvGroup> List() && {
    AddEntries("window entries", "window", {c_.num_hidden_layers, c_.num_hash_layers}, 1,
               c_.sliding_window, 0);
    AddEntries("CSA entries", "csa", Layers(arch::kCsaRatio), arch::kCsaRatio, 0, c_.index_topk);
    AddIndexKeys();
    AddEntries("HCA entries", "hca", Layers(arch::kHcaRatio), arch::kHcaRatio, 0, 0);
    if (c_.num_nextn_predict_layers > 0) {
      AddEntries("MTP window entries", "mtp_window", {c_.num_nextn_predict_layers, 0}, 1,
                 c_.sliding_window, 0);
      groups_.back().component = Component::kMtp;
    }
    return std::move(groups_);
  }

 private:
  struct LayerCount {
    std::uint64_t all = 0, by_token = 0;
  };
  LayerCount Layers(std::size_t ratio) const {
    const auto below = [&](std::size_t layers) {
      const auto begin = c_.compress_ratios.begin();
      return static_cast<std::uint64_t>(
          std::count(begin, begin + static_cast<std::ptrdiff_t>(layers), ratio));
    };
    return {below(c_.num_hidden_layers), below(c_.num_hash_layers)};
  }
  void AddEntries(const char* name, const char* key, LayerCount layers, std::uint64_t ratio,
                  std::uint64_t kept, std::uint64_t read) {
    if (layers.all == 0) return;
    const std::uint64_t macs = 2 * c_.num_attention_heads * c_.head_dim;  // logits, then values
    groups_.push_back({.name = name,
                       .key = key,
                       .component = Component::kAttentionCore,
                       .work = Work::kCoreAttention,
                       .layers = layers.all,
                       .by_token = layers.by_token,
                       .tokens_per_entry = ratio,
                       .max_entries = kept,
                       .max_read = read,
                       .macs_per_read = macs,
                       .prefill_macs_per_read = macs,
                       .entry_bytes = MainEntryBytes(c_, layout_)});
  }
  void AddIndexKeys() {
    const LayerCount layers = Layers(arch::kCsaRatio);
    if (layers.all == 0) return;
    const std::uint64_t macs = c_.index_n_heads * c_.index_head_dim;
    groups_.push_back({.name = "index keys",
                       .key = "index_keys",
                       .component = Component::kIndexScores,
                       .work = Work::kIndexFp4,
                       .layers = layers.all,
                       .by_token = layers.by_token,
                       .tokens_per_entry = arch::kCsaRatio,
                       .macs_per_read = macs,
                       .prefill_macs_per_read = macs,
                       .entry_bytes = IndexKeyBytes(c_, layout_)});
  }

  const Config& c_;
  const arch::KvLayout layout_;
  std::vector<KvGroup> groups_;
};

}  // namespace

CostModel DescribeV4(const Config& config, const HeldBy& held) {
  WeightList weights(held);
  for (const TensorSpec& spec : arch::TensorsOf(config)) AddTensor(config, spec, &weights);
  CostModel model{.layers = config.num_hidden_layers,
                  .hidden_size = config.hidden_size,
                  .vocab_size = config.vocab_size,
                  .max_context = config.max_position_embeddings,
                  .experts = config.n_routed_experts,
                  .experts_per_token = config.num_experts_per_tok,
                  .weights = std::move(weights).Take(),
                  .kv = KvList(config).List()};
  for (const arch::LayerLayout& layer : arch::KvLayout(config, {}).layers)
    for (const arch::TailLayout* tail : {&layer.tail, &layer.index_tail})
      model.tail_bytes += tail->pooled * tail->row_bytes();
  return model;
}

}  // namespace hadal::cost
