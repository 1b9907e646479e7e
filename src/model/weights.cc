#include "model/weights.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "arch/inventory.h"
#include "io/decode.h"

namespace hadal::model {
namespace {

using Shape = std::vector<std::uint64_t>;

// Finds tensors by name, checks their shapes and remembers which were asked for.
class Binder {
 public:
  explicit Binder(const io::Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  // name.weight, in any stored format.
  Result<Weight> Matrix(const std::string& base, std::size_t rows, std::size_t cols) {
    const std::string name = base + ".weight";
    HADAL_TRY(const io::TensorView view, Find(name));
    const bool packed = view.dtype == DType::kI8;
    const Shape shape = {rows, packed ? cols / 2 : cols};
    if (view.shape != shape || (packed && cols % 32 != 0))
      return WrongShape(name, view.shape, shape);
    switch (view.dtype) {
      case DType::kF32:
        return Plain(view, StoredFormat::kF32, rows, cols);
      case DType::kBF16:
        return Plain(view, StoredFormat::kBf16, rows, cols);
      case DType::kF8E4M3:
        return Scaled(name, view, StoredFormat::kFp8Block128, rows, cols,
                      {(rows + 127) / 128, (cols + 127) / 128});
      case DType::kI8:
        return Scaled(name, view, StoredFormat::kFp4Block32, rows, cols, {rows, cols / 32});
      default:
        return WrongType(name, view.dtype, "F32, BF16, F8_E4M3 or I8 (packed FP4)");
    }
  }

  // A matrix that is a parameter itself, without ".weight" (hc_*_fn), never quantised.
  Result<Weight> BareMatrix(const std::string& name, std::size_t rows, std::size_t cols) {
    HADAL_TRY(const io::TensorView view, Find(name));
    const Shape shape = {rows, cols};
    if (view.shape != shape) return WrongShape(name, view.shape, shape);
    if (view.dtype == DType::kF32) return Plain(view, StoredFormat::kF32, rows, cols);
    if (view.dtype == DType::kBF16) return Plain(view, StoredFormat::kBf16, rows, cols);
    return WrongType(name, view.dtype, "F32 or BF16");
  }

  Result<Vector> Floats(const std::string& name, const Shape& shape) {
    HADAL_TRY(const io::TensorView view, Find(name));
    if (view.shape != shape) return WrongShape(name, view.shape, shape);
    if (view.dtype != DType::kF32 && view.dtype != DType::kBF16)
      return WrongType(name, view.dtype, "F32 or BF16");
    return io::DecodeFloats(view, nullptr);
  }

  Result<std::vector<std::uint32_t>> ExpertTable(const std::string& name,
                                                 const arch::Config& config) {
    const std::size_t topk = config.num_experts_per_tok;
    HADAL_TRY(const io::TensorView view, Find(name));
    const Shape shape = {config.vocab_size, topk};
    if (view.shape != shape) return WrongShape(name, view.shape, shape);
    HADAL_TRY(const std::vector<std::int64_t> ids, io::DecodeInts(view));
    std::vector<std::uint32_t> out(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] < 0 || ids[i] >= static_cast<std::int64_t>(config.n_routed_experts))
        return Fail(Code::kInvalid, "{}: '{}' sends token {} to expert {}, of {}",
                    checkpoint_.FileOf(name), name, i / topk, ids[i], config.n_routed_experts);
      out[i] = static_cast<std::uint32_t>(ids[i]);
      for (std::size_t j = i / topk * topk; j < i; ++j)
        if (out[j] == out[i])
          return Fail(Code::kInvalid, "{}: '{}' sends token {} to expert {} twice",
                      checkpoint_.FileOf(name), name, i / topk, out[i]);
    }
    return out;
  }

  // An error if the checkpoint has tensors that nothing asked for.
  Status NothingLeft() const {
    std::vector<std::string> left;
    for (const std::string& name : checkpoint_.Names())
      if (!used_.contains(name) && !arch::IsSharedCopy(name)) left.push_back(name);
    if (left.empty()) return Unit{};
    return Fail(Code::kInvalid, "{}: unexpected tensor '{}'{}; config.json does not call for it",
                checkpoint_.FileOf(left[0]), left[0],
                left.size() > 1 ? fmt::format(" (and {} more)", left.size() - 1) : "");
  }

 private:
  Result<io::TensorView> Find(const std::string& name) {
    used_.insert(name);
    return checkpoint_.Find(name);
  }

  Error WrongShape(const std::string& name, const Shape& found, const Shape& expected) const {
    return Fail(Code::kInvalid, "{}: '{}' has shape {}, config.json asks for {}",
                checkpoint_.FileOf(name), name, io::FormatShape(found), io::FormatShape(expected));
  }

  Error WrongType(const std::string& name, DType found, const char* expected) const {
    return Fail(Code::kUnsupported, "{}: '{}' is {}, expected {}", checkpoint_.FileOf(name), name,
                DTypeName(found), expected);
  }

  static Result<Weight> Plain(const io::TensorView& view, StoredFormat format, std::size_t rows,
                              std::size_t cols) {
    return Weight{.format = format, .rows = rows, .cols = cols, .codes = view.data.data()};
  }

  Result<Weight> Scaled(const std::string& name, const io::TensorView& view, StoredFormat format,
                        std::size_t rows, std::size_t cols, const Shape& scale_shape) {
    const std::string scale_name = arch::ScaleName(name);
    HADAL_TRY(const io::TensorView scale, Find(scale_name));
    if (scale.shape != scale_shape) return WrongShape(scale_name, scale.shape, scale_shape);
    if (scale.dtype != DType::kF8E8M0) return WrongType(scale_name, scale.dtype, "F8_E8M0");
    return Weight{.format = format,
                  .rows = rows,
                  .cols = cols,
                  .codes = view.data.data(),
                  .scales = scale.data.data()};
  }

  const io::Checkpoint& checkpoint_;
  std::set<std::string, std::less<>> used_;
};

// Each Bind function fills one struct; "prefix" ends in a dot.

Result<HyperConnection> BindHyperConnection(Binder& b, const std::string& name,
                                            const arch::Config& c) {
  HyperConnection hc;
  HADAL_TRY(hc.fn, b.BareMatrix(name + "_fn", 24, c.hc_mult * c.hidden_size));
  HADAL_TRY(hc.base, b.Floats(name + "_base", {24}));
  HADAL_TRY(hc.scale, b.Floats(name + "_scale", {3}));
  return hc;
}

Result<HyperHead> BindHyperHead(Binder& b, const std::string& prefix, const arch::Config& c) {
  HyperHead head;
  HADAL_TRY(head.fn, b.BareMatrix(prefix + "hc_head_fn", c.hc_mult, c.hc_mult * c.hidden_size));
  HADAL_TRY(head.base, b.Floats(prefix + "hc_head_base", {c.hc_mult}));
  HADAL_TRY(const Vector scale, b.Floats(prefix + "hc_head_scale", {1}));
  head.scale = scale[0];
  return head;
}

Result<Compressor> BindCompressor(Binder& b, const std::string& prefix, const arch::Config& c,
                                  std::size_t ratio, std::size_t head_dim) {
  const std::size_t width = ratio == arch::kCsaRatio ? 2 * head_dim : head_dim;
  Compressor compressor;
  HADAL_TRY(compressor.wkv, b.Matrix(prefix + "wkv", width, c.hidden_size));
  HADAL_TRY(compressor.wgate, b.Matrix(prefix + "wgate", width, c.hidden_size));
  HADAL_TRY(compressor.ape, b.Floats(prefix + "ape", {ratio, width}));
  HADAL_TRY(compressor.norm, b.Floats(prefix + "norm.weight", {head_dim}));
  return compressor;
}

Result<Indexer> BindIndexer(Binder& b, const std::string& prefix, const arch::Config& c) {
  Indexer indexer;
  HADAL_TRY(indexer.wq_b,
            b.Matrix(prefix + "wq_b", c.index_n_heads * c.index_head_dim, c.q_lora_rank));
  HADAL_TRY(indexer.weights_proj,
            b.Matrix(prefix + "weights_proj", c.index_n_heads, c.hidden_size));
  HADAL_TRY(indexer.compressor,
            BindCompressor(b, prefix + "compressor.", c, arch::kCsaRatio, c.index_head_dim));
  return indexer;
}

Result<Attention> BindAttention(Binder& b, const std::string& prefix, const arch::Config& c,
                                std::size_t ratio) {
  const std::size_t q_dim = c.num_attention_heads * c.head_dim;
  Attention attn;
  attn.ratio = ratio;
  HADAL_TRY(attn.wq_a, b.Matrix(prefix + "wq_a", c.q_lora_rank, c.hidden_size));
  HADAL_TRY(attn.q_norm, b.Floats(prefix + "q_norm.weight", {c.q_lora_rank}));
  HADAL_TRY(attn.wq_b, b.Matrix(prefix + "wq_b", q_dim, c.q_lora_rank));
  HADAL_TRY(attn.wkv, b.Matrix(prefix + "wkv", c.head_dim, c.hidden_size));
  HADAL_TRY(attn.kv_norm, b.Floats(prefix + "kv_norm.weight", {c.head_dim}));
  HADAL_TRY(attn.attn_sink, b.Floats(prefix + "attn_sink", {c.num_attention_heads}));
  HADAL_TRY(const Weight wo_a,
            b.Matrix(prefix + "wo_a", c.o_groups * c.o_lora_rank, q_dim / c.o_groups));
  for (std::size_t g = 0; g < c.o_groups; ++g)
    attn.wo_a.push_back(wo_a.Rows(g * c.o_lora_rank, c.o_lora_rank));
  HADAL_TRY(attn.wo_b, b.Matrix(prefix + "wo_b", c.hidden_size, c.o_groups * c.o_lora_rank));
  if (ratio != 0) {
    HADAL_TRY(attn.compressor, BindCompressor(b, prefix + "compressor.", c, ratio, c.head_dim));
  }
  if (ratio == arch::kCsaRatio) {
    HADAL_TRY(attn.indexer, BindIndexer(b, prefix + "indexer.", c));
  }
  return attn;
}

Result<Expert> BindExpert(Binder& b, const std::string& prefix, const arch::Config& c) {
  Expert expert;
  HADAL_TRY(expert.w1, b.Matrix(prefix + "w1", c.moe_intermediate_size, c.hidden_size));
  HADAL_TRY(expert.w2, b.Matrix(prefix + "w2", c.hidden_size, c.moe_intermediate_size));
  HADAL_TRY(expert.w3, b.Matrix(prefix + "w3", c.moe_intermediate_size, c.hidden_size));
  return expert;
}

Result<Moe> BindMoe(Binder& b, const std::string& prefix, const arch::Config& c, bool hash_routed) {
  Moe moe;
  HADAL_TRY(moe.gate, b.Matrix(prefix + "gate", c.n_routed_experts, c.hidden_size));
  if (hash_routed) {
    HADAL_TRY(moe.tid2eid, b.ExpertTable(prefix + "gate.tid2eid", c));
  } else {
    HADAL_TRY(moe.bias, b.Floats(prefix + "gate.bias", {c.n_routed_experts}));
  }
  for (std::size_t e = 0; e < c.n_routed_experts; ++e) {
    HADAL_TRY(Expert expert, BindExpert(b, fmt::format("{}experts.{}.", prefix, e), c));
    moe.experts.push_back(expert);
  }
  HADAL_TRY(moe.shared_expert, BindExpert(b, prefix + "shared_experts.", c));
  return moe;
}

Result<Layer> BindLayer(Binder& b, const std::string& prefix, const arch::Config& c,
                        std::size_t ratio, bool hash_routed) {
  Layer layer;
  HADAL_TRY(layer.hc_attn, BindHyperConnection(b, prefix + "hc_attn", c));
  HADAL_TRY(layer.hc_ffn, BindHyperConnection(b, prefix + "hc_ffn", c));
  HADAL_TRY(layer.attn_norm, b.Floats(prefix + "attn_norm.weight", {c.hidden_size}));
  HADAL_TRY(layer.ffn_norm, b.Floats(prefix + "ffn_norm.weight", {c.hidden_size}));
  HADAL_TRY(layer.attn, BindAttention(b, prefix + "attn.", c, ratio));
  HADAL_TRY(layer.ffn, BindMoe(b, prefix + "ffn.", c, hash_routed));
  return layer;
}

Result<Mtp> BindMtp(Binder& b, const std::string& prefix, const arch::Config& c) {
  Mtp mtp;
  HADAL_TRY(mtp.layer, BindLayer(b, prefix, c, c.compress_ratios[c.num_hidden_layers], false));
  HADAL_TRY(mtp.e_proj, b.Matrix(prefix + "e_proj", c.hidden_size, c.hidden_size));
  HADAL_TRY(mtp.h_proj, b.Matrix(prefix + "h_proj", c.hidden_size, c.hidden_size));
  HADAL_TRY(mtp.enorm, b.Floats(prefix + "enorm.weight", {c.hidden_size}));
  HADAL_TRY(mtp.hnorm, b.Floats(prefix + "hnorm.weight", {c.hidden_size}));
  HADAL_TRY(mtp.norm, b.Floats(prefix + "norm.weight", {c.hidden_size}));
  HADAL_TRY(mtp.hc_head, BindHyperHead(b, prefix, c));
  return mtp;
}

}  // namespace

Result<Model> Model::Load(io::Checkpoint checkpoint) {
  Model model(std::move(checkpoint));
  Binder b(model.checkpoint_);
  auto config = arch::ParseConfig(model.checkpoint_.config());
  if (!config.ok()) return Within(model.checkpoint_.directory(), config.error());
  model.config = *config;
  const arch::Config& c = model.config;
  HADAL_TRY(model.embed, b.Matrix("embed", c.vocab_size, c.hidden_size));
  HADAL_TRY(model.head, b.Matrix("head", c.vocab_size, c.hidden_size));
  HADAL_TRY(model.norm, b.Floats("norm.weight", {c.hidden_size}));
  HADAL_TRY(model.hc_head, BindHyperHead(b, "", c));
  for (std::size_t l = 0; l < c.num_hidden_layers; ++l) {
    HADAL_TRY(Layer layer, BindLayer(b, fmt::format("layers.{}.", l), c, c.compress_ratios[l],
                                     l < c.num_hash_layers));
    model.layers.push_back(std::move(layer));
  }
  if (c.num_nextn_predict_layers > 0) {
    HADAL_TRY(model.mtp, BindMtp(b, "mtp.0.", c));
  }
  HADAL_TRY_STATUS(b.NothingLeft());
  return model;
}

}  // namespace hadal::model
