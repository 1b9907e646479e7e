// Opening a part of a checkpoint: only what is selected need be there, and it is what the whole
// has.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "arch/inventory.h"
#include "arch/shapes.h"
#include "convert/synth.h"
#include "model/weights.h"
#include "testing/temp_folder.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;
using arch::Selection;
using model::Model;

arch::Config SmallConfig() {
  arch::Config c = arch::FlashShape();
  c.vocab_size = 64;
  c.hidden_size = 128;
  c.num_attention_heads = 4;
  c.head_dim = 128;
  c.q_lora_rank = 64;
  c.o_groups = 2;
  c.o_lora_rank = 64;
  c.index_n_heads = 2;
  c.index_head_dim = 64;
  c.moe_intermediate_size = 32;
  c.n_routed_experts = 6;
  return arch::ChangeShape(c, {.layers = 2, .mtp = true}).value();
}

class PartialModel : public ::testing::Test {
 protected:
  // A file for each tensor, nearly, so that any part can be taken away.
  void SetUp() override {
    Threads threads(1);
    const convert::SynthOptions options{.write = {.quiet = true, .shard_bytes = 1}};
    ASSERT_TRUE(convert::WriteRandomCheckpoint(SmallConfig(), Folder(), options, threads).ok());
  }
  std::string Folder() const { return folder_.File("m"); }
  Model Whole() const { return Model::Load(io::Checkpoint::Open(Folder()).value()).value(); }

  // Removes every file in which nothing is wanted.
  void RemoveAllBut(const Selection& selection) const {
    const io::Checkpoint checkpoint = io::Checkpoint::Open(Folder()).value();
    for (const arch::TensorSpec& spec : arch::TensorsOf(SmallConfig()))
      if (!selection.Wants(spec.id)) fs::remove(checkpoint.FileOf(spec.name));
  }

  testing::TempFolder folder_;
};

bool SameCodes(const kernels::Weight& a, const kernels::Weight& b) {
  return a.format == b.format && a.code_bytes() == b.code_bytes() &&
         std::memcmp(a.codes, b.codes, a.code_bytes()) == 0 &&
         (a.scale_bytes() == 0 || std::memcmp(a.scales, b.scales, a.scale_bytes()) == 0);
}

void ExpectSameLayer(const model::Layer& a, const model::Layer& b) {
  EXPECT_EQ(a.attn.ratio, b.attn.ratio);
  EXPECT_TRUE(SameCodes(a.attn.wq_a, b.attn.wq_a));
  EXPECT_TRUE(SameCodes(a.attn.wo_a[1], b.attn.wo_a[1]));
  EXPECT_TRUE(SameCodes(a.hc_ffn.fn, b.hc_ffn.fn));
  EXPECT_EQ(a.ffn_norm, b.ffn_norm);
  EXPECT_EQ(a.ffn.tid2eid, b.ffn.tid2eid);
  EXPECT_EQ(a.ffn.bias, b.ffn.bias);
  ASSERT_EQ(a.attn.indexer.has_value(), b.attn.indexer.has_value());
  if (a.attn.indexer) {
    EXPECT_TRUE(SameCodes(a.attn.indexer->wq_b, b.attn.indexer->wq_b));
  }
  ASSERT_EQ(a.attn.compressor.has_value(), b.attn.compressor.has_value());
  if (a.attn.compressor) {
    EXPECT_EQ(a.attn.compressor->ape, b.attn.compressor->ape);
  }
}

TEST_F(PartialModel, FrontAndBackAreThoseOfTheWhole) {
  const Model whole = Whole();
  const Selection front{.end_layer = 1, .head = false, .mtp = false};
  const Selection back{.begin_layer = 1, .embed = false, .mtp = false};
  for (const Selection& selection : {front, back}) {
    SCOPED_TRACE(selection.begin_layer);
    fs::remove_all(Folder());
    SetUp();
    RemoveAllBut(selection);
    EXPECT_FALSE(Model::Open(Folder()).ok());
    const auto part = Model::Open(Folder(), selection);
    ASSERT_TRUE(part.ok()) << part.error().what;
    ASSERT_EQ(part->layers.size(), 1u);
    ExpectSameLayer(part->layers[0], whole.layers[selection.begin_layer]);
    EXPECT_EQ(part->embed.codes != nullptr, selection.embed);
    EXPECT_EQ(part->head.codes != nullptr, selection.head);
    EXPECT_EQ(part->before_head.norm.empty(), !selection.head);
    EXPECT_FALSE(part->mtp.has_value());
  }
}

TEST_F(PartialModel, ExpertsOfOneRank) {
  const Model whole = Whole();
  const Selection some{.begin_expert = 2, .end_expert = 5};
  RemoveAllBut(some);
  const auto part = Model::Open(Folder(), some);
  ASSERT_TRUE(part.ok()) << part.error().what;
  ASSERT_EQ(part->layers.size(), 2u);
  const std::pair<const model::Layer*, const model::Layer*> layers[] = {
      {&part->layers[0], &whole.layers[0]},
      {&part->layers[1], &whole.layers[1]},
      {&part->mtp->layer, &whole.mtp->layer}};
  for (const auto& [layer, all] : layers) {
    ASSERT_EQ(layer->ffn.experts.size(), 6u);
    for (std::size_t e = 0; e < 6; ++e) {
      ASSERT_EQ(layer->ffn.experts[e].w2.codes != nullptr, some.WantsExpert(e)) << e;
      if (some.WantsExpert(e)) {
        EXPECT_TRUE(SameCodes(layer->ffn.experts[e].w2, all->ffn.experts[e].w2));
      }
    }
  }
}

TEST_F(PartialModel, WhatIsSelectedMustBeThere) {
  const Selection front{.end_layer = 1, .head = false, .mtp = false};
  RemoveAllBut(front);
  const auto more = Model::Open(Folder(), {.end_layer = 2, .head = false, .mtp = false});
  ASSERT_FALSE(more.ok());
  EXPECT_NE(more.error().what.find("are missing, the first"), std::string::npos)
      << more.error().what;
  const auto none =
      Model::Open(Folder(), {.begin_layer = 1, .end_layer = 1, .head = false, .mtp = false});
  EXPECT_EQ(none.error().code, Code::kInvalid);
}

}  // namespace
}  // namespace hadal
