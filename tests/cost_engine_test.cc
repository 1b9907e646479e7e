// What is planned against what the engine does: bytes of the checkpoint, bytes of a sequence's memory,
// bytes of scratch, and multiply-adds, which the float64 reference counts as it does them.
#include <gtest/gtest.h>

#include <filesystem>

#include "cache/sequence.h"
#include "cost/accounting.h"
#include "cost/cost_model.h"
#include "cost/describe.h"
#include "cost/engine_memory.h"
#include "cost/presets.h"
#include "model/forward.h"
#include "reference/reference_model.h"
#include "small_cases.h"
#include "testing/temp_folder.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

struct Case {
  std::string directory;
  bool stored_by_config =
      true;  // config.json says how tensors are stored; else the file's dtypes do
};

class Folders {
 public:
  Folders() {
    for (const reference::CaseSpec& spec : tests::SmallCases()) {
      const std::string directory = made_.path() + "/" + spec.name;
      fs::create_directories(directory);
      HADAL_CHECK(reference::WriteRandomCheckpoint(spec.checkpoint, directory).ok());
      cases_.push_back({directory, false});
    }
    if (const char* source = std::getenv("HADAL_SOURCE_DIR"))
      cases_.push_back({std::string(source) + "/models/embedded"});
    if (const auto golden = tests::SharedGolden())
      for (const char* name : {"tiny-f32", "tiny-bf16", "tiny-fp8-fp4", "tiny-long"})
        cases_.push_back({*golden + "/" + name, std::string(name) != "tiny-f32"});
  }
  const std::vector<Case>& cases() const { return cases_; }

 private:
  testing::TempFolder made_;
  std::vector<Case> cases_;
};

const std::vector<Case>& Cases() {
  static const Folders folders;
  return folders.cases();
}

model::Model Load(const std::string& directory) {
  auto model = model::Model::Load(*io::Checkpoint::Open(directory));
  HADAL_CHECK(model.ok());
  return std::move(*model);
}

// The file's number formats; everything else of the plan (shapes, scales, counts) is the config's.
cost::StorageOf StorageByFile(const io::Checkpoint& checkpoint) {
  return [&checkpoint](const arch::TensorSpec& spec) {
    return FormatOfCodes(checkpoint.Info(spec.name)->dtype).value();
  };
}

cost::CostModel Describe(const Case& c, const model::Model& model) {
  if (!c.stored_by_config)
    return cost::DescribeV4(model.config, StorageByFile(model.checkpoint()), c.directory);
  return *cost::Describe(model.checkpoint().config(), c.directory);
}

TEST(CostAgainstEngine, CheckpointBytes) {
  for (const Case& c : Cases()) {
    const model::Model model = Load(c.directory);
    EXPECT_EQ(cost::WeightBytes(Describe(c, model)), model.checkpoint().tensor_bytes())
        << c.directory;
  }
}

// What Sequence allocates, and its compressed entries at whole pages against the formula.
TEST(CostAgainstEngine, SequenceBytes) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.directory);
    const model::Model model = Load(c.directory);
    for (const arch::Numerics& numerics : {arch::Numerics::Stored(), arch::Numerics::F32()}) {
      const arch::KvLayout layout(model.config, numerics);
      for (const std::size_t tokens : {1u, 127u, 128u, 129u, 1000u, 4096u}) {
        cache::Sequence sequence = cache::Sequence::Create(layout).value();
        ASSERT_TRUE(sequence.Reserve(tokens).ok());
        const cost::StateBytes planned = cost::AllocatedState(model.config, layout, tokens);
        EXPECT_EQ(planned.total(), sequence.bytes()) << tokens;
        EXPECT_LT(planned.padding, 64 * layout.layers.size());
      }
    }
  }
}

TEST(CostAgainstEngine, KvFormulaAtWholePages) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.directory);
    const model::Model model = Load(c.directory);
    const arch::KvLayout layout(model.config, {});
    const cost::CostModel plan = Describe(c, model);
    for (const std::uint64_t tokens : {128u, 1024u, 4096u}) {
      const cost::StateBytes state = cost::AllocatedState(model.config, layout, tokens);
      EXPECT_EQ(cost::KvBytes(plan, tokens, cost::KvFormat::kPublished, cost::Mtp::kWith),
                state.window + state.csa + state.index_keys + state.hca + state.mtp_window);
      EXPECT_EQ(plan.tail_bytes, state.tails);
    }
  }
}

TEST(CostAgainstEngine, ScratchBytes) {
  Threads threads(3);
  for (const Case& c : Cases()) {
    const model::Model model = Load(c.directory);
    for (const std::size_t rows : {1u, 17u}) {
      const model::Forward forward =
          model::Forward::Create(model, arch::Numerics::Stored(), threads, rows).value();
      EXPECT_EQ(cost::ScratchBytes(model.config, forward.layout(), rows, threads.count()),
                forward.scratch_bytes())
          << c.directory;
    }
  }
}

// How much of the planned scratch a whole batch takes at most, as a fraction.
double ScratchUsed(const model::Model& model, const arch::Numerics& numerics, Threads& threads) {
  constexpr std::size_t kRows = 150;
  model::Forward forward = model::Forward::Create(model, numerics, threads, kRows).value();
  cache::Sequence sequence = cache::Sequence::Create(forward.layout()).value();
  HADAL_CHECK(sequence.Reserve(kRows).ok());
  const std::vector<std::int32_t> tokens(kRows, 1);
  const model::Chunk chunk{&sequence.state(), tokens};
  HADAL_CHECK(forward.Run({&chunk, 1}).ok());
  if (model.mtp) HADAL_CHECK(forward.RunMtp(sequence.state(), 0, tokens).ok());
  const Buffer<float> logits(kRows * model.config.vocab_size);
  forward.Logits(0, logits.As(kRows, model.config.vocab_size));
  return static_cast<double>(forward.scratch_peak_bytes()) /
         static_cast<double>(forward.scratch_bytes());
}

// The plan holds for any formats of the weights and any roundings: that no pass takes more, Arena checks
// by itself; that it is not much too large, some set of roundings shows.
TEST(CostAgainstEngine, ScratchIsUsedUp) {
  Threads threads(2);
  for (const Case& c : Cases()) {
    const model::Model model = Load(c.directory);
    double most = 0;
    for (const arch::Numerics& numerics : {arch::Numerics::Stored(), arch::Numerics::F32(),
                                           arch::Numerics::F32q(), arch::Numerics::Bf16()})
      most = std::max(most, ScratchUsed(model, numerics, threads));
    EXPECT_GT(most, 0.9) << c.directory;
  }
}

struct Done {
  std::uint64_t main = 0, mtp = 0;
};

Done Count(const reference::Model& model, std::size_t tokens) {
  const std::vector<std::int32_t> ids(tokens, 1);
  const auto run = [&](bool with_mtp) {
    const std::uint64_t before = reference::MacsDone();
    model.Run(ids, reference::Rounding::F32(), with_mtp);
    return reference::MacsDone() - before;
  };
  const std::uint64_t main = run(false);
  return {main, run(true) - main};
}

std::uint64_t PlannedMtpMacs(const cost::CostModel& plan, std::uint64_t tokens) {
  std::uint64_t macs = 0;
  for (const cost::WeightGroup& group : plan.weights) {
    // The MTP block's own weights, and the model's head.
    if (group.component == cost::Component::kMtp || group.component == cost::Component::kHead)
      macs += tokens * group.macs;
  }
  for (const cost::KvGroup& group : plan.kv)
    if (group.mtp()) macs += group.layers * group.macs_per_read * group.ReadsOver(0, tokens);
  return macs;
}

// The reference gives logits at every position, so every token counts as a decoded one.
TEST(CostAgainstEngine, MultiplyAdds) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.directory);
    const model::Model model = Load(c.directory);
    const cost::CostModel plan = Describe(c, model);
    auto reference = reference::LoadModel(c.directory);
    ASSERT_TRUE(reference.ok()) << reference.error().what;
    for (const std::size_t tokens : {1u, 5u, 131u}) {
      std::uint64_t planned = 0;
      for (std::uint64_t n = 1; n <= tokens; ++n)
        planned += cost::TotalMacs(cost::DecodeMacs(plan, n));
      const Done done = Count(*reference, tokens);
      EXPECT_EQ(planned, done.main) << tokens;
      EXPECT_EQ(model.mtp ? PlannedMtpMacs(plan, tokens - 1) : 0, done.mtp) << tokens;
    }
  }
}

TEST(CostAgainstEngine, EmbeddedPresetIsTheEmbeddedModel) {
  const char* source = std::getenv("HADAL_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "HADAL_SOURCE_DIR is not set";
  const model::Model model = Load(std::string(source) + "/models/embedded");
  const cost::CostModel preset = cost::DescribePreset("embedded");
  EXPECT_EQ(cost::WeightBytes(preset), model.checkpoint().tensor_bytes());
  EXPECT_EQ(cost::DecodeMacs(preset, 5000),
            cost::DecodeMacs(*cost::Describe(model.checkpoint().config(), ""), 5000));
}

}  // namespace
}  // namespace hadal
