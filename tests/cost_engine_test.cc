// What is planned against what the engine does: bytes of the checkpoint, bytes of a sequence's
// memory, bytes of scratch, and multiply-adds, which the float64 reference counts as it does them.
#include <gtest/gtest.h>

#include <malloc.h>

#include <filesystem>
#include <optional>

#include "arch/stored_tensor.h"
#include "cache/sequence.h"
#include "cost/accounting.h"
#include "cost/cost_model.h"
#include "cost/describe.h"
#include "cost/engine_memory.h"
#include "cost/presets.h"
#include "model/forward.h"
#include "planned_macs.h"
#include "reference/reference_model.h"
#include "small_cases.h"
#include "tensor/buffer.h"
#include "testing/shared_file.h"
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
    if (const auto golden = testing::SharedFolder("golden"))
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
cost::CostModel Describe(const Case& c, const model::Model& model) {
  const io::Checkpoint& checkpoint = model.checkpoint();
  if (c.stored_by_config) return *cost::Describe(checkpoint.config(), c.directory);
  const cost::HeldBy held = cost::HeldByFormats(
      [&](const std::string& tensor) { return arch::FormatIn(checkpoint, tensor); });
  return *cost::Describe(*arch::ParseAnyConfig(checkpoint.config()), held, c.directory);
}

TEST(CostAgainstEngine, CheckpointBytes) {
  for (const Case& c : Cases()) {
    const model::Model model = Load(c.directory);
    EXPECT_EQ(cost::WeightBytes(Describe(c, model)), model.checkpoint().tensor_bytes())
        << c.directory;
  }
}

// A sequence's state from the equations alone: report, "Inference systems", and the formats of
// entries (kernels/block_quant.h). Nothing here asks the layout, which both the plan and the
// allocator do.
cost::StateBytes StateByHand(const arch::Config& c, bool packed, std::uint64_t tokens) {
  const std::uint64_t nope = c.head_dim - c.qk_rope_head_dim;
  const std::uint64_t codes = nope + nope / 64 + 2 * c.qk_rope_head_dim;
  const std::uint64_t entry = packed ? codes + (8 - codes % 8) % 8 : 4 * c.head_dim;
  const std::uint64_t key = packed ? c.index_head_dim * 17 / 32 : 4 * c.index_head_dim;
  const std::uint64_t pages = tokens / 128 + (tokens % 128 > 0 ? 1 : 0);
  cost::StateBytes state;
  for (std::size_t l = 0; l < c.num_hidden_layers; ++l) {
    const std::size_t ratio = c.compress_ratios[l];
    state.window += c.sliding_window * entry;
    if (ratio == 4) {
      state.csa += pages * 32 * entry;
      state.index_keys += pages * 32 * key;
      state.tails += 2 * sizeof(float) * 8 * 2 * (c.head_dim + c.index_head_dim);
    } else if (ratio == 128) {
      state.hca += pages * entry;
      state.tails += 2 * sizeof(float) * 128 * c.head_dim;
    }
  }
  state.mtp_window = c.num_nextn_predict_layers * c.sliding_window * entry;
  return state;
}

TEST(CostAgainstEngine, StateIsThatOfTheEquations) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.directory);
    const model::Model model = Load(c.directory);
    const cost::CostModel plan = Describe(c, model);
    for (const bool packed : {true, false}) {
      const arch::KvLayout layout(model.config,
                                  packed ? arch::Numerics::Stored() : arch::Numerics::F32());
      for (const std::uint64_t tokens : {1u, 127u, 128u, 129u, 1000u, 4096u}) {
        SCOPED_TRACE(tokens);
        const cost::StateBytes planned = cost::AllocatedState(model.config, layout, tokens);
        const cost::StateBytes hand = StateByHand(model.config, packed, tokens);
        EXPECT_EQ(planned.window, hand.window);
        EXPECT_EQ(planned.csa, hand.csa);
        EXPECT_EQ(planned.index_keys, hand.index_keys);
        EXPECT_EQ(planned.hca, hand.hca);
        EXPECT_EQ(planned.tails, hand.tails);
        EXPECT_EQ(planned.mtp_window, hand.mtp_window);
        EXPECT_LT(planned.padding, 64 * layout.layers.size());
        if (!packed || tokens % 128 != 0) continue;  // the formula's entries are not in whole pages
        EXPECT_EQ(cost::KvBytes(plan, tokens, cost::KvFormat::kPublished, cost::Mtp::kWith),
                  hand.window + hand.csa + hand.index_keys + hand.hca + hand.mtp_window);
        EXPECT_EQ(plan.tail_bytes, hand.tails);
      }
    }
  }
}

// Bytes that the process holds of the heap; none where the allocator does not count (sanitizers).
std::optional<std::size_t> HeapBytes() {
  const auto count = [] {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  constexpr std::size_t kProbe = std::size_t{1} << 20;
  const std::size_t before = count();
  const Buffer<std::byte> probe(kProbe);
  probe[0] = std::byte{1};
  if (count() < before + kProbe) return std::nullopt;
  return before;
}

// What is planned is what the heap gives, but for the allocator's own headers and alignment.
void ExpectHeapGrowth(std::size_t before, std::uint64_t planned, std::uint64_t blocks) {
  const std::size_t grown = *HeapBytes() - before;
  EXPECT_GE(grown, planned);
  EXPECT_LE(grown, planned + 32768 + blocks * 256);
}

TEST(CostAgainstEngine, ASequenceTakesFromTheHeapWhatWasPlanned) {
  if (!HeapBytes()) GTEST_SKIP() << "this allocator does not count what it gives";
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.directory);
    const model::Model model = Load(c.directory);
    const arch::KvLayout layout(model.config, arch::Numerics::Stored());
    for (const std::size_t tokens : {1u, 128u, 129u, 4096u}) {
      SCOPED_TRACE(tokens);
      const std::size_t before = *HeapBytes();
      cache::Sequence sequence = cache::Sequence::Create(layout).value();
      ASSERT_TRUE(sequence.Reserve(tokens).ok());
      const std::uint64_t planned = cost::AllocatedState(model.config, layout, tokens).total();
      ExpectHeapGrowth(before, planned, tokens / 128 + 2);
      EXPECT_EQ(planned, sequence.bytes());
    }
  }
}

TEST(CostAgainstEngine, AForwardTakesFromTheHeapWhatWasPlanned) {
  if (!HeapBytes()) GTEST_SKIP() << "this allocator does not count what it gives";
  Threads threads(3);
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.directory);
    const model::Model model = Load(c.directory);
    for (const std::size_t rows : {1u, 17u, 64u}) {
      SCOPED_TRACE(rows);
      const std::size_t before = *HeapBytes();
      const model::Forward forward =
          model::Forward::Create(model, arch::Numerics::Stored(), threads, rows).value();
      const std::uint64_t planned =
          cost::ScratchBytes(model.config, forward.layout(), rows, threads.count());
      ExpectHeapGrowth(before, planned, 64);
      EXPECT_EQ(planned, forward.scratch_bytes());
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

// The plan holds for any formats of the weights and any roundings: that no pass takes more, Arena
// checks by itself; that it is not much too large, some set of roundings shows. (It allows for
// layers whose experts have weights of every format.)
TEST(CostAgainstEngine, ScratchIsUsedUp) {
  Threads threads(2);
  for (const Case& c : Cases()) {
    const model::Model model = Load(c.directory);
    double most = 0;
    for (const arch::Numerics& numerics : {arch::Numerics::Stored(), arch::Numerics::F32(),
                                           arch::Numerics::F32q(), arch::Numerics::Bf16()})
      most = std::max(most, ScratchUsed(model, numerics, threads));
    EXPECT_GT(most, 0.85) << c.directory;
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

// The reference gives logits at every position, so every token counts as a decoded one.
TEST(CostAgainstEngine, MultiplyAdds) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.directory);
    const model::Model model = Load(c.directory);
    const cost::CostModel plan = Describe(c, model);
    auto reference = reference::LoadModel(c.directory);
    ASSERT_TRUE(reference.ok()) << reference.error().what;
    for (const std::size_t tokens : {1u, 5u, 131u}) {
      const Done done = Count(*reference, tokens);
      EXPECT_EQ(tests::PlannedMacs(plan, tokens), done.main) << tokens;
      EXPECT_EQ(model.mtp ? tests::PlannedMtpMacs(plan, tokens - 1) : 0, done.mtp) << tokens;
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
