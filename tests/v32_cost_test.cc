// What is planned for DeepSeek-V3.2 against what the engine does: bytes of the checkpoint, of a
// sequence's memory and of scratch; and multiply-adds, which the float64 reference counts.
#include <gtest/gtest.h>

#include <algorithm>

#include "arch/stored_tensor.h"
#include "cache/sequence.h"
#include "cost/cost_model.h"
#include "cost/describe.h"
#include "cost/engine_memory.h"
#include "model/forward.h"
#include "planned_macs.h"
#include "reference/numbers.h"
#include "reference/v32/model.h"
#include "reference/v32/random_checkpoint.h"
#include "tensor/buffer.h"
#include "testing/temp_folder.h"

namespace hadal {
namespace {

struct Made {
  testing::TempFolder folder;
  model::Model model;

  explicit Made(const reference::v32::CheckpointSpec& spec) : model(Load(spec, folder.path())) {}
  static model::Model Load(const reference::v32::CheckpointSpec& spec, const std::string& path) {
    HADAL_CHECK(reference::v32::WriteRandomCheckpoint(spec, path).ok());
    return model::Model::Open(path).value();
  }
  cost::CostModel Plan() const {
    const io::Checkpoint& checkpoint = model.checkpoint();
    const cost::HeldBy held = cost::HeldByFormats(
        [&](const std::string& tensor) { return arch::FormatIn(checkpoint, tensor); });
    return *cost::Describe(*arch::ParseAnyConfig(checkpoint.config()), held, "");
  }
};

const std::vector<reference::v32::CheckpointSpec> kSpecs = {
    {.seed = 51},
    {.seed = 52, .fp8 = {}, .mtp = false, .yarn = false},
    {.seed = 53, .fp8 = ScaleRule::kExact, .rank = 130, .index_dim = 128, .shared = 2}};

TEST(V32CostAgainstEngine, CheckpointBytes) {
  for (const auto& spec : kSpecs) {
    const Made made(spec);
    std::uint64_t copies = 0;  // embedding and head again, below the MTP block
    for (const std::string& name : made.model.checkpoint().Names()) {
      const io::TensorInfo& info = *made.model.checkpoint().Info(name);
      if (arch::Recognise(name).kind == arch::Recognised::Kind::kSharedCopy)
        copies += info.end - info.begin;
    }
    EXPECT_EQ(cost::WeightBytes(made.Plan()) + copies, made.model.checkpoint().tensor_bytes())
        << spec.seed;
  }
}

TEST(V32CostAgainstEngine, StateIsWhatTheFormatsSay) {
  for (const auto& spec : kSpecs) {
    SCOPED_TRACE(spec.seed);
    const Made made(spec);
    const std::uint64_t layers = spec.layers + (spec.mtp ? 1 : 0);
    const std::uint64_t entry = spec.rank + 4 * ((spec.rank + 127) / 128) + 2 * spec.rope;
    const std::uint64_t key = spec.index_dim + 4 * ((spec.index_dim + 127) / 128);
    const arch::KvLayout layout(made.model.config, arch::Numerics::Stored());
    for (const std::uint64_t tokens : {1u, 127u, 128u, 129u, 1000u, 4096u}) {
      const cost::StateBytes state = cost::AllocatedState(made.model.config, layout, tokens);
      const std::uint64_t pages = (tokens + 127) / 128;
      EXPECT_EQ(state.latent, layers * pages * 128 * entry);
      EXPECT_EQ(state.index_keys, layers * pages * 128 * key);
      EXPECT_EQ(state.total(), state.latent + state.index_keys);
      cache::Sequence sequence = cache::Sequence::Create(layout).value();
      ASSERT_TRUE(sequence.Reserve(tokens).ok());
      EXPECT_EQ(sequence.bytes(), state.total());
      if (tokens % 128 == 0) {
        EXPECT_EQ(cost::KvBytes(made.Plan(), tokens, cost::KvFormat::kPublished, cost::Mtp::kWith),
                  state.total());
      }
    }
  }
}

// The reference reads entries in the multi-head form, the engine in the absorbed one: what is done
// for an entry that is read differs by the formula below, everything else is the same.
TEST(V32CostAgainstEngine, MultiplyAdds) {
  for (const auto& spec : kSpecs) {
    SCOPED_TRACE(spec.seed);
    const Made made(spec);
    cost::CostModel plan = made.Plan();
    for (cost::KvGroup& group : plan.kv) {
      if (!std::string(group.key).ends_with("latent")) continue;
      EXPECT_EQ(group.macs_per_read, spec.heads * (2 * spec.rank + spec.rope));
      group.macs_per_read = spec.heads * (spec.nope + spec.rope + spec.value);
    }
    const auto reference = reference::v32::LoadModel(made.folder.path());
    ASSERT_TRUE(reference.ok()) << reference.error().what;
    for (const std::size_t tokens : {1u, 5u, 40u}) {  // top 9
      const std::vector<std::int32_t> ids(tokens, 1);
      const std::uint64_t begin = reference::MacsDone();
      reference->Run(ids, false, false);
      const std::uint64_t main = reference::MacsDone() - begin;
      reference->Run(ids, false, true);
      EXPECT_EQ(tests::PlannedMacs(plan, tokens), main) << tokens;
      EXPECT_EQ(spec.mtp ? tests::PlannedMtpMacs(plan, tokens - 1) : 0,
                reference::MacsDone() - begin - 2 * main)
          << tokens;
    }
  }
}

TEST(V32CostAgainstEngine, ScratchIsEnoughAndUsedUp) {
  constexpr std::size_t kRows = 150;
  Threads threads(2);
  for (const auto& spec : kSpecs) {
    const Made made(spec);
    double most = 0;
    for (const arch::Numerics& numerics : {arch::Numerics::Stored(), arch::Numerics::F32(),
                                           arch::Numerics::F32q(), arch::Numerics::Bf16()}) {
      model::Forward forward = model::Forward::Create(made.model, numerics, threads, kRows).value();
      cache::Sequence sequence = cache::Sequence::Create(forward.layout()).value();
      ASSERT_TRUE(sequence.Reserve(kRows).ok());
      const std::vector<std::int32_t> tokens(kRows, 1);
      const model::Chunk chunk{&sequence.state(), tokens};
      ASSERT_TRUE(forward.Run({&chunk, 1}).ok());
      if (spec.mtp) {
        ASSERT_TRUE(forward.RunMtp(sequence.state(), 0, tokens).ok());
      }
      EXPECT_EQ(forward.scratch_bytes(),
                cost::ScratchBytes(made.model.config, forward.layout(), kRows, threads.count()));
      most = std::max(most, static_cast<double>(forward.scratch_peak_bytes()) /
                                static_cast<double>(forward.scratch_bytes()));
    }
    // The plan allows for integer inputs, which weights without quantisation do not take.
    if (spec.fp8) {
      EXPECT_GT(most, 0.85) << spec.seed;
    }
  }
}

}  // namespace
}  // namespace hadal
