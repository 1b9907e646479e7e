#include "arch/inventory.h"

#include <gtest/gtest.h>

namespace hadal::arch {
namespace {

Config Published(std::size_t layers, std::size_t hidden, std::size_t heads) {
  Config c;
  c.vocab_size = 129280;
  c.hidden_size = hidden;
  c.num_hidden_layers = layers;
  c.num_attention_heads = heads;
  c.head_dim = 512;
  c.qk_rope_head_dim = 64;
  c.o_groups = heads / 8;
  c.o_lora_rank = 1024;
  c.index_n_heads = 64;
  c.index_head_dim = 128;
  c.num_experts_per_tok = 6;
  c.num_hash_layers = 3;
  c.num_nextn_predict_layers = 1;
  return c;
}

Config Flash() {
  Config c = Published(43, 4096, 64);
  c.q_lora_rank = 1024;
  c.moe_intermediate_size = 2048;
  c.n_routed_experts = 256;
  c.compress_ratios = {0, 0};
  for (int i = 0; i < 20; ++i) c.compress_ratios.insert(c.compress_ratios.end(), {4, 128});
  c.compress_ratios.insert(c.compress_ratios.end(), {4, 0});
  return c;
}

Config Pro() {
  Config c = Published(61, 7168, 128);
  c.q_lora_rank = 1536;
  c.moe_intermediate_size = 3072;
  c.n_routed_experts = 384;
  c.compress_ratios = {128, 128};
  for (int i = 0; i < 29; ++i) c.compress_ratios.insert(c.compress_ratios.end(), {4, 128});
  c.compress_ratios.insert(c.compress_ratios.end(), {4, 0});
  return c;
}

struct Totals {
  std::uint64_t tensors = 0, stored_elements = 0, bytes = 0, mtp_tensors = 0;
};

// What the files hold: FP4 in pairs, and the scales.
Totals TotalsOf(const Config& config) {
  Totals totals;
  for (const TensorSpec& spec : TensorsOf(config)) {
    const bool matrix = spec.shape.size() == 2;
    const std::uint64_t rows = matrix ? spec.shape[0] : 1, cols = spec.shape.back();
    const StoredLayout& layout = LayoutOf(spec.format);
    const std::uint64_t codes = CodeBytes(spec.format, rows, cols),
                        scales = ScaleBytes(spec.format, rows, cols);
    totals.tensors += layout.scaled() ? 2 : 1;
    totals.mtp_tensors += !(spec.id.part == Part::kMtp) ? 0 : layout.scaled() ? 2 : 1;
    totals.stored_elements += codes / DTypeBytes(layout.codes) + scales;
    totals.bytes += codes + scales;
  }
  return totals;
}

TEST(Inventory, AddsUpToThePublishedFiles) {
  const Totals flash = TotalsOf(Flash());
  EXPECT_EQ(flash.tensors, 69187u);
  EXPECT_EQ(flash.stored_elements, 158069433298u);
  EXPECT_EQ(flash.bytes, 159609485896u);
  EXPECT_EQ(flash.mtp_tensors, 1575u);
  const Totals pro = TotalsOf(Pro());
  EXPECT_EQ(pro.tensors, 145116u);
  EXPECT_EQ(pro.stored_elements, 861608274846u);
  EXPECT_EQ(pro.bytes, 864704792696u);
  EXPECT_EQ(pro.mtp_tensors, 2343u);
}

TEST(Inventory, CountsParametersAsTheReportDoes) {
  const ParameterCount flash = CountParameters(Flash());
  EXPECT_EQ(flash.total / 1000000, 284332u);
  EXPECT_EQ(flash.active / 1000000, 13270u);
  EXPECT_EQ(flash.mtp / 1000000, 6610u);
  const ParameterCount pro = CountParameters(Pro());
  EXPECT_EQ(pro.total / 1000000, 1572997u);
  EXPECT_EQ(pro.active / 1000000, 48852u);
  EXPECT_EQ(pro.mtp / 1000000, 25840u);
}

TEST(Inventory, EveryTensorHasAComponent) {
  for (const TensorSpec& spec : TensorsOf(Flash()))
    EXPECT_NE(ComponentOf(spec.id), Component::kOther) << spec.name;
  const auto component = [](const char* name) { return Recognise(name).component(); };
  EXPECT_EQ(component("layers.3.attn.q_norm.weight"), Component::kNorm);
  EXPECT_EQ(component("layers.3.attn.indexer.compressor.norm.weight"), Component::kIndexer);
  EXPECT_EQ(component("layers.3.ffn.gate.tid2eid"), Component::kRouter);
  EXPECT_EQ(component("layers.3.ffn.experts.17.w1.scale"), Component::kExperts);
  EXPECT_EQ(component("model.layers.0.self_attn.q_proj.weight"), Component::kOther);
  for (std::size_t i = 0; i < kComponents; ++i)
    EXPECT_NE(ComponentName(static_cast<Component>(i)), nullptr);
}

}  // namespace
}  // namespace hadal::arch
