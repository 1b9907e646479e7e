#include "arch/tensor_names.h"

#include <gtest/gtest.h>

#include <set>

#include "arch/inventory.h"
#include "arch/shapes.h"

namespace hadal::arch {
namespace {

using What = Recognised::Kind;

// Both ways over every tensor of the published models: what the list knows, its name says too.
TEST(TensorNames, NamesAndIdentitiesAreTheSameThing) {
  std::set<Role> roles;
  for (const Config& config : {FlashShape(), ProShape(), V32Shape()}) {
    std::set<std::string> names;
    for (const TensorSpec& spec : TensorsOf(config)) {
      EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
      roles.insert(spec.id.role);
      const Recognised found = Recognise(spec.name, config);
      ASSERT_EQ(found.kind, What::kTensor) << spec.name;
      EXPECT_EQ(found.id, spec.id) << spec.name;
      EXPECT_EQ(NameOf(spec.id), spec.name);
      if (!LayoutOf(spec.format).scaled()) continue;
      const Recognised scale = Recognise(ScaleName(spec.id), config);
      ASSERT_EQ(scale.kind, What::kScale) << spec.name;
      EXPECT_EQ(scale.id, spec.id) << spec.name;
    }
  }
  EXPECT_EQ(roles.size(), kRoles);
}

TEST(TensorNames, OtherNamesAreNotGuessed) {
  for (const char* name :
       {"", "embed", "embed.weights", "layers.0.norm.weight", "layers.01.attn.wkv.weight",
        "layers..attn.wkv.weight", "layers.-1.attn.wkv.weight", "layers.0.attn.wkv", "layers.0",
        "layers.0.ffn.experts.w1.weight", "layers.0.ffn.experts.1.w4.weight",
        "layers.0.ffn.experts.1.attn.wkv.weight", "layers.0.e_proj.weight", "attn.wkv.weight",
        "model.embed.weight", "layers.0.attn_norm.scale", "layers.0.ffn.gate.tid2eid.scale",
        "layers.18446744073709551616.attn.wkv.weight", "layers.0.attn.wkv.weight.scale"})
    EXPECT_EQ(Recognise(name).kind, What::kUnknown) << name;
}

TEST(TensorNames, DraftersAndSharedCopiesAreKnownAsSuch) {
  EXPECT_EQ(Recognise("mtp.0.emb.tok_emb.weight").kind, What::kSharedCopy);
  EXPECT_EQ(Recognise("mtp.0.head.weight").kind, What::kSharedCopy);
  EXPECT_EQ(Recognise("mtp.1.attn.wq_a.weight").kind,
            What::kTensor);  // not on a list with one block
  for (const char* name :
       {"mtp.0.fusion.weight", "draft.layers.0.w", "dspark.w", "eagle.fc.weight"}) {
    EXPECT_EQ(Recognise(name).kind, What::kDrafter) << name;
    EXPECT_EQ(Recognise(name).component(), Component::kMtp) << name;
  }
  EXPECT_EQ(Recognise("layers.2.attn.indexer.wq_b.scale").component(), Component::kIndexer);
  EXPECT_EQ(Recognise("other").component(), Component::kOther);
}

TEST(TensorNames, GroupsLeaveTheNumbersOut) {
  EXPECT_EQ(GroupName({Role::kExpertW2, Part::kLayer, 3, 7}), "ffn.experts.w2");
  EXPECT_EQ(GroupName({Role::kWqA, Part::kMtp, 0, 0}), "mtp.attn.wq_a");
  EXPECT_EQ(GroupName({Role::kHcHeadFn}), "hc_head_fn");
}

}  // namespace
}  // namespace hadal::arch
