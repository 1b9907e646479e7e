#include "convert/synth.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <set>

#include "arch/shapes.h"
#include "arch/stored_tensor.h"
#include "io/decode.h"
#include "io/file.h"
#include "model/forward.h"
#include "tensor/buffer.h"
#include "testing/temp_folder.h"

namespace hadal::convert {
namespace {

namespace fs = std::filesystem;

arch::Config SmallConfig() {
  arch::Config c = arch::FlashShape();
  c.vocab_size = 300;
  c.hidden_size = 256;
  c.num_attention_heads = 4;
  c.head_dim = 128;
  c.q_lora_rank = 128;
  c.o_groups = 2;
  c.o_lora_rank = 64;
  c.index_n_heads = 4;
  c.index_head_dim = 64;
  c.index_topk = 8;
  c.moe_intermediate_size = 96;
  c.n_routed_experts = 16;
  return arch::ChangeShape(c, {.layers = 4, .mtp = true}).value();
}

std::string Write(const std::string& out, const SynthOptions& options,
                  std::size_t thread_count = 2) {
  Threads threads(thread_count);
  const auto report = WriteRandomCheckpoint(SmallConfig(), out, options, threads);
  return report.ok() ? "" : report.error().what;
}

std::string Bytes(const std::string& path) { return io::ReadFile(path).value(); }

TEST(Synth, SameSeedSameBytesWhateverTheThreads) {
  const testing::TempFolder folder;
  ASSERT_EQ(Write(folder.File("a"), {.seed = 3, .write = {.quiet = true}}, 1), "");
  ASSERT_EQ(Write(folder.File("b"), {.seed = 3, .write = {.quiet = true}}, 3), "");
  ASSERT_EQ(Write(folder.File("c"), {.seed = 4, .write = {.quiet = true}}, 3), "");
  const std::string a = Bytes(folder.File("a/model.safetensors"));
  EXPECT_EQ(a, Bytes(folder.File("b/model.safetensors")));
  EXPECT_NE(a, Bytes(folder.File("c/model.safetensors")));
}

TEST(Synth, CutsIntoShardsAndLoads) {
  const testing::TempFolder folder;
  ASSERT_EQ(Write(folder.File("m"), {.write = {.quiet = true, .shard_bytes = 400'000}}), "");
  EXPECT_TRUE(fs::exists(folder.File("m/model.safetensors.index.json")));
  auto checkpoint = io::Checkpoint::Open(folder.File("m"));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().what;
  const auto model = model::Model::Load(std::move(*checkpoint));
  ASSERT_TRUE(model.ok()) << model.error().what;
}

// An expert is fetched as two ranges: its weights, and its scales.
TEST(Synth, AnExpertLiesTogether) {
  const testing::TempFolder folder;
  ASSERT_EQ(Write(folder.File("m"), {.write = {.quiet = true, .shard_bytes = 50'000}}), "");
  const io::Checkpoint checkpoint = io::Checkpoint::Open(folder.File("m")).value();
  std::size_t experts = 0;
  for (const arch::TensorSpec& spec : arch::TensorsOf(SmallConfig())) {
    if (spec.id.role != arch::Role::kExpertW1) continue;
    ++experts;
    arch::TensorId at = spec.id;
    for (const arch::Role role : {arch::Role::kExpertW2, arch::Role::kExpertW3}) {
      arch::TensorId id = spec.id;
      id.role = role;
      const std::string before = arch::NameOf(at), next = arch::NameOf(id);
      EXPECT_EQ(checkpoint.FileOf(before), checkpoint.FileOf(next));
      EXPECT_EQ(checkpoint.Info(before)->end, checkpoint.Info(next)->begin) << next;
      EXPECT_EQ(checkpoint.Info(arch::ScaleName(at))->end,
                checkpoint.Info(arch::ScaleName(id))->begin)
          << next;
      at = id;
    }
  }
  EXPECT_EQ(experts, 5 * 16u);
}

double Deviation(const std::vector<float>& values) {
  double sum = 0, squares = 0;
  for (const float v : values) {
    sum += v;
    squares += double{v} * v;
  }
  const double n = static_cast<double>(values.size());
  return std::sqrt(squares / n - sum / n * (sum / n));
}

// Every matrix is scaled to its width, in every format; tables name different experts.
TEST(Synth, NumbersAreSensible) {
  const testing::TempFolder folder;
  ASSERT_EQ(Write(folder.File("m"), {.write = {.quiet = true}}), "");
  const auto checkpoint = io::Checkpoint::Open(folder.File("m"));
  std::set<StoredFormat> seen;
  double log_ratio = 0, matrices = 0;
  for (const arch::TensorSpec& spec : arch::TensorsOf(SmallConfig())) {
    const arch::StoredTensor stored = arch::FindStored(*checkpoint, spec).value();
    seen.insert(spec.format);
    if (spec.format == StoredFormat::kI64) {
      const auto ids = io::DecodeInts(stored.data).value();
      for (std::size_t row = 0; row < ids.size(); row += 6) {
        const std::set<std::int64_t> row_ids(ids.begin() + static_cast<std::ptrdiff_t>(row),
                                             ids.begin() + static_cast<std::ptrdiff_t>(row) + 6);
        EXPECT_EQ(row_ids.size(), 6u);
        EXPECT_GE(*row_ids.begin(), 0);
        EXPECT_LT(*row_ids.rbegin(), 16);
      }
      continue;
    }
    const auto values = io::DecodeFloats(stored.data, stored.scale_or_null()).value();
    for (const float v : values) ASSERT_TRUE(std::isfinite(v)) << spec.name;
    const bool matrix =
        spec.format == StoredFormat::kFp8Block128 || spec.format == StoredFormat::kFp4Block32;
    if (!matrix) continue;
    // The scale is a power of two within a factor of sqrt(2), and some are twice or half of that:
    // of a matrix of few blocks perhaps all.
    const double ratio = Deviation(values) * std::sqrt(static_cast<double>(spec.shape[1]));
    EXPECT_GT(ratio, 1 / 2.9) << spec.name;
    EXPECT_LT(ratio, 2.9) << spec.name;
    log_ratio += std::log(ratio);
    ++matrices;
  }
  EXPECT_NEAR(log_ratio / matrices, 0, 0.3);
  EXPECT_EQ(seen.size(), 5u);
}

// What a measurement needs: all numbers finite, and activations that neither die nor explode.
TEST(Synth, TheModelRuns) {
  const testing::TempFolder folder;
  ASSERT_EQ(Write(folder.File("m"), {.write = {.quiet = true}}), "");
  const model::Model model =
      model::Model::Load(io::Checkpoint::Open(folder.File("m")).value()).value();
  Threads threads(2);
  model::Forward forward =
      model::Forward::Create(model, arch::Numerics::Stored(), threads, 140).value();
  Buffer<std::byte> fixed(forward.layout().fixed_bytes);
  std::memset(fixed.data(), 0, fixed.size());
  Buffer<std::byte> pages[2] = {Buffer<std::byte>(forward.layout().page_bytes),
                                Buffer<std::byte>(forward.layout().page_bytes)};
  std::byte* const page_data[] = {pages[0].data(), pages[1].data()};
  model::SequenceState state{.fixed = fixed.span(), .pages = page_data};
  std::vector<std::int32_t> tokens;
  for (std::int32_t i = 0; i < 140; ++i) tokens.push_back(i * 7 % 300);
  const model::Chunk chunk{&state, tokens};
  HADAL_CHECK(forward.Run({&chunk, 1}).ok());
  std::vector<float> logits(300);
  forward.Logits(139, logits);
  const double deviation = Deviation(logits);
  EXPECT_GT(deviation, 0.2);
  EXPECT_LT(deviation, 20);
  const View2<const float> streams = forward.streams();
  for (std::size_t t = 0; t < streams.rows(); ++t)
    for (const float v : streams[t]) ASSERT_LT(std::fabs(v), 1e3);
}

TEST(Synth, RefusesWhatItCannotWrite) {
  const testing::TempFolder folder;
  ASSERT_EQ(Write(folder.File("m"), {.write = {.quiet = true}}), "");
  EXPECT_NE(Write(folder.File("m"), {.write = {.quiet = true}}).find("m: found"),
            std::string::npos);
  EXPECT_EQ(Write(folder.File("m"), {.write = {.replace = true, .quiet = true}}), "");
  arch::Config odd = SmallConfig();
  odd.moe_intermediate_size = 40;
  Threads threads(1);
  const auto refused =
      WriteRandomCheckpoint(odd, folder.File("odd"), {.write = {.quiet = true}}, threads);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().what.find("40 numbers"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder.File("odd")));
  // Pro is 865 GB: refused before anything is written, on any disk that a test runs on.
  const auto space = fs::space(folder.path());
  if (space.available < 800'000'000'000u) {
    const auto large = WriteRandomCheckpoint(arch::ProShape(), folder.File("pro"),
                                             {.write = {.quiet = true}}, threads);
    ASSERT_FALSE(large.ok());
    EXPECT_EQ(large.error().code, Code::kExhausted);
    EXPECT_FALSE(fs::exists(folder.File("pro")));
    for (const std::string& name : folder.Names()) EXPECT_FALSE(name.ends_with(".tmp"));
  }
}

}  // namespace
}  // namespace hadal::convert
