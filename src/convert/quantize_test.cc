#include "convert/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>

#include "arch/stored_tensor.h"
#include "base/random.h"
#include "convert/encode_weights.h"
#include "io/checkpoint.h"
#include "io/decode.h"
#include "io/file.h"
#include "io/safetensors.h"
#include "testing/close.h"
#include "testing/shared_file.h"
#include "testing/temp_folder.h"

namespace hadal::convert {
namespace {

namespace fs = std::filesystem;
using testing::TempFolder;
using Declared = io::SafetensorsWriter::Declared;

// Every kind of layer, and matrices whose last 128-blocks are cut short both ways.
arch::Config SmallConfig() {
  arch::Config c;
  c.vocab_size = 50;
  c.hidden_size = 160;
  c.num_hidden_layers = 3;
  c.num_attention_heads = 2;
  c.head_dim = 96;
  c.qk_rope_head_dim = 32;
  c.q_lora_rank = 144;
  c.o_groups = 2;
  c.o_lora_rank = 136;
  c.sliding_window = 16;
  c.index_n_heads = 2;
  c.index_head_dim = 32;
  c.index_topk = 4;
  c.moe_intermediate_size = 64;
  c.n_routed_experts = 3;
  c.num_experts_per_tok = 2;
  c.num_hash_layers = 1;
  c.routed_scaling_factor = 1.5;
  c.swiglu_limit = 10;
  c.compress_ratios = {0, 4, 128, 0};
  c.num_nextn_predict_layers = 1;
  c.max_position_embeddings = 1024;
  return c;
}

// A checkpoint in memory, to be changed by a test before it is written.
struct Draft {
  Json config;
  std::vector<std::pair<Declared, std::string>> tensors;

  std::pair<Declared, std::string>& Find(const std::string& name) {
    for (auto& tensor : tensors)
      if (tensor.first.name == name) return tensor;
    std::abort();
  }
  void Write(const std::string& folder) const {
    fs::create_directories(folder);
    ASSERT_TRUE(io::WriteFile(folder + "/config.json", config.Dump()).ok());
    std::vector<Declared> declared;
    for (const auto& tensor : tensors) declared.push_back(tensor.first);
    auto writer = io::SafetensorsWriter::Create(folder + "/model.safetensors", declared);
    ASSERT_TRUE(writer.ok());
    for (const auto& tensor : tensors)
      ASSERT_TRUE(writer->Append(std::as_bytes(std::span(tensor.second))).ok());
    ASSERT_TRUE(writer->Finish().ok());
  }
};

// Random weights, all float32.
Draft MakeDraft(const arch::Config& config) {
  Draft draft{arch::ConfigToJson(config, false), {}};
  Random random(7);
  for (const arch::TensorSpec& spec : arch::TensorsOf(config)) {
    std::string bytes;
    if (spec.format == StoredFormat::kI64) {
      for (std::uint64_t i = 0; i < spec.elements(); ++i) {
        const std::uint64_t topk = config.num_experts_per_tok;  // different ones in a row
        const std::uint64_t id = (i / topk + i % topk) % config.n_routed_experts;
        bytes.append(reinterpret_cast<const char*>(&id), sizeof(id));
      }
      draft.tensors.push_back({{spec.name, DType::kI64, spec.shape}, bytes});
      continue;
    }
    for (std::uint64_t i = 0; i < spec.elements(); ++i) {
      const auto v = static_cast<float>(0.02 * random.Normal());
      bytes.append(reinterpret_cast<const char*>(&v), sizeof(v));
    }
    draft.tensors.push_back({{spec.name, DType::kF32, spec.shape}, bytes});
  }
  return draft;
}

QuantizeOptions To(Format format) { return {.to = format, .write = {.quiet = true}}; }

std::string Convert(const std::string& in, const std::string& out, const QuantizeOptions& options) {
  const auto report = QuantizeCheckpoint(in, out, options);
  return report.ok() ? "" : report.error().what;
}

std::vector<float> Floats(const io::Checkpoint& checkpoint, const arch::TensorSpec& spec) {
  const arch::StoredTensor stored = arch::FindStored(checkpoint, spec).value();
  return io::DecodeFloats(stored.data, stored.scale_or_null()).value();
}

// Two checkpoints hold the same tensors, byte for byte.
void ExpectSame(const std::string& left, const std::string& right) {
  const auto a = io::Checkpoint::Open(left), b = io::Checkpoint::Open(right);
  ASSERT_TRUE(a.ok() && b.ok());
  ASSERT_EQ(a->Names(), b->Names());
  for (const std::string& name : a->Names()) {
    const io::TensorView x = a->Find(name).value(), y = b->Find(name).value();
    ASSERT_EQ(x.dtype, y.dtype) << name;
    ASSERT_EQ(x.shape, y.shape) << name;
    ASSERT_EQ(std::memcmp(x.data.data(), y.data.data(), x.data.size()), 0) << name;
  }
}

class QuantizeTest : public ::testing::Test {
 protected:
  void SetUp() override { MakeDraft(SmallConfig()).Write(In()); }
  std::string In() const { return folder_.File("in"); }
  std::string Out(const std::string& name) const { return folder_.File(name); }

  // What converting says of a checkpoint changed like this; and then it must leave nothing behind.
  std::string ErrorAfter(const std::function<void(Draft&)>& change) {
    Draft draft = MakeDraft(SmallConfig());
    change(draft);
    draft.Write(In());
    const std::string error = Convert(In(), Out("bad"), To(Format::kPublished));
    EXPECT_FALSE(fs::exists(Out("bad"))) << error;
    for (const std::string& name : folder_.Names()) EXPECT_FALSE(name.ends_with(".tmp")) << error;
    return error;
  }

  TempFolder folder_;
};

TEST_F(QuantizeTest, StoresEachTensorAsPublished) {
  ASSERT_EQ(Convert(In(), Out("out"), To(Format::kPublished)), "");
  const auto in = io::Checkpoint::Open(In()), out = io::Checkpoint::Open(Out("out"));
  ASSERT_TRUE(out.ok()) << out.error().what;
  const Result<arch::Config> config = arch::ParseConfig(out->config());
  ASSERT_TRUE(config.ok()) << config.error().what;
  EXPECT_EQ(*out->config().Find("expert_dtype")->AsString(), "fp4");
  EXPECT_EQ(*out->config().Find("torch_dtype")->AsString(), "bfloat16");
  for (const arch::TensorSpec& spec : arch::TensorsOf(*config)) {
    const auto stored = arch::FindStored(*out, spec);
    ASSERT_TRUE(stored.ok()) << stored.error().what;
    EXPECT_EQ(FormatOfCodes(stored->data.dtype), spec.format) << spec.name;
    if (spec.format == StoredFormat::kI64) continue;
    // Each row group was encoded as the whole matrix would have been.
    const std::vector<float> w = Floats(*in, spec);
    if (spec.format == StoredFormat::kFp8Block128) {
      const auto blocks = EncodeFp8Block128(w, spec.shape[0], spec.shape[1]);
      EXPECT_EQ(std::memcmp(blocks->codes.data(), stored->data.data.data(), blocks->codes.size()),
                0);
      EXPECT_EQ(
          std::memcmp(blocks->scales.data(), stored->scale->data.data(), blocks->scales.size()), 0);
    } else if (spec.format == StoredFormat::kF32) {
      EXPECT_TRUE(testing::SameBits(Floats(*out, spec), w));
    }
  }
}

TEST_F(QuantizeTest, ThereAndBackAgainIsTheSame) {
  ASSERT_EQ(Convert(In(), Out("published"), To(Format::kPublished)), "");
  for (const Format format : {Format::kF32, Format::kBf16}) {
    const std::string plain = Out(format == Format::kF32 ? "f32" : "bf16");
    ASSERT_EQ(Convert(Out("published"), plain, To(format)), "");
    const auto a = io::Checkpoint::Open(Out("published")), b = io::Checkpoint::Open(plain);
    EXPECT_EQ(b->config().Find("quantization_config"), nullptr);
    EXPECT_EQ(b->config().Find("expert_dtype"), nullptr);
    for (const arch::TensorSpec& spec : arch::TensorsOf(SmallConfig())) {
      const DType dtype = b->Info(spec.name)->dtype;
      if (spec.format == StoredFormat::kI64) {
        EXPECT_EQ(dtype, DType::kI64);
        continue;
      }
      EXPECT_TRUE(dtype == DType::kF32 || (dtype == DType::kBF16 && format == Format::kBf16));
      EXPECT_TRUE(testing::SameBits(Floats(*b, spec), Floats(*a, spec))) << spec.name;
    }
    ASSERT_EQ(Convert(plain, plain + "-back", To(Format::kPublished)), "");
    // In value; a scale may have become smaller where rounding brought the largest number down.
    const auto back = io::Checkpoint::Open(plain + "-back");
    for (const arch::TensorSpec& spec : arch::TensorsOf(SmallConfig())) {
      EXPECT_EQ(back->Info(spec.name)->dtype, a->Info(spec.name)->dtype);
      if (!spec.trained()) continue;
      EXPECT_TRUE(testing::SameBits(Floats(*back, spec), Floats(*a, spec))) << spec.name;
    }
  }
}

// The result depends neither on how it is cut into files nor on how much is in memory at a time.
TEST_F(QuantizeTest, ShardsAndChunksChangeNothing) {
  QuantizeOptions options = To(Format::kPublished);
  ASSERT_EQ(Convert(In(), Out("whole"), options), "");
  options.write.shard_bytes = 50000;
  options.chunk_numbers = 1;
  const auto report = QuantizeCheckpoint(In(), Out("cut"), options);
  ASSERT_TRUE(report.ok()) << report.error().what;
  EXPECT_GT(report->written.files, 3u);
  EXPECT_TRUE(fs::exists(Out("cut") + "/model.safetensors.index.json"));
  ExpectSame(Out("cut"), Out("whole"));
  const auto checkpoint = io::Checkpoint::Open(Out("cut"));
  EXPECT_EQ(report->written.bytes, checkpoint->tensor_bytes());
  for (const std::string& name : checkpoint->Names()) {
    const io::TensorInfo& info = *checkpoint->Info(name);
    EXPECT_EQ(info.begin % DTypeBytes(info.dtype), 0u) << name;
  }
}

TEST_F(QuantizeTest, TakesTheTokenizerAlong) {
  ASSERT_TRUE(io::WriteFile(In() + "/tokenizer.json", "{}").ok());
  ASSERT_TRUE(io::WriteFile(In() + "/notes.txt", "x").ok());
  ASSERT_EQ(Convert(In(), Out("out"), To(Format::kBf16)), "");
  EXPECT_TRUE(fs::exists(Out("out") + "/tokenizer.json"));
  EXPECT_FALSE(fs::exists(Out("out") + "/notes.txt"));
}

TEST_F(QuantizeTest, KeepsItsHandsOffOtherFolders) {
  ASSERT_EQ(Convert(In(), Out("out"), To(Format::kBf16)), "");
  QuantizeOptions options = To(Format::kPublished);
  EXPECT_NE(Convert(In(), Out("out"), options).find("found a folder with files"),
            std::string::npos);
  options.write.replace = true;
  EXPECT_EQ(Convert(In(), Out("out"), options), "");
  for (const std::string& out :
       {In(), In() + "/", In() + "/.", folder_.path(), folder_.path() + "/"})
    EXPECT_NE(Convert(In(), out, options).find("found the input"), std::string::npos) << out;
  EXPECT_EQ(Convert(In(), Out("in2"), options), "");  // a name that only begins like the input's
  EXPECT_TRUE(io::Checkpoint::Open(In()).ok());
}

TEST_F(QuantizeTest, NamesWhatIsWrongWithTheInput) {
  struct Bad {
    const char* part;
    std::function<void(Draft&)> change;
  };
  const std::string wkv = "layers.1.attn.wkv.weight";
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Bad cases[] = {
      {"no tensor \"layers.1.attn.wkv.weight\"",
       [&](Draft& d) { d.Find(wkv).first.name = "other"; }},
      {"found tensor \"other\", which config.json does not call for",
       [&](Draft& d) {
         d.tensors.push_back({{"other", DType::kI8, {1}}, "x"});
       }},
      {"found tensor \"layers.1.attn.wkv.scale\", which",
       [&](Draft& d) {
         d.tensors.push_back({{"layers.1.attn.wkv.scale", DType::kF8E8M0, {1, 2}}, "xx"});
       }},
      {"tensor \"layers.1.attn.wkv.weight\": found F32 [160, 96], expected F32 [96, 160]",
       [&](Draft& d) {
         d.Find(wkv).first.shape = {160, 96};
       }},
      {"tensor \"norm.weight\": found I32 [160], expected a weight of shape [160]",
       [&](Draft& d) { d.Find("norm.weight").first.dtype = DType::kI32; }},
      {"no tensor \"layers.1.attn.wkv.scale\"",
       [&](Draft& d) {
         d.Find(wkv).first.dtype = DType::kF8E4M3;
         d.Find(wkv).second.resize(96 * 160);
       }},
      {"tensor \"layers.1.attn.wkv.weight\": scale of F8_E4M3 [96, 160]: found F8_E8M0 [2, 1]",
       [&](Draft& d) {
         d.Find(wkv).first.dtype = DType::kF8E4M3;
         d.Find(wkv).second.resize(96 * 160);
         d.tensors.push_back({{"layers.1.attn.wkv.scale", DType::kF8E8M0, {2, 1}}, "xx"});
       }},
      {"tensor \"layers.0.ffn.gate.tid2eid\": token 0: found expert 3, expected 0 to 2",
       [&](Draft& d) { d.Find("layers.0.ffn.gate.tid2eid").second[8] = 3; }},
      {"tensor \"layers.1.attn.wkv.weight\": from row 0 on: element [1, 0]: found nan",
       [&](Draft& d) { std::memcpy(d.Find(wkv).second.data() + 160 * 4, &nan, 4); }},
      {"config.json: num_hidden_layers", [&](Draft& d) { d.config.Set("num_hidden_layers", -1); }},
  };
  for (const Bad& bad : cases) {
    const std::string error = ErrorAfter(bad.change);
    EXPECT_NE(error.find(bad.part), std::string::npos) << bad.part << " in '" << error << "'";
    EXPECT_EQ(error.find('\n'), std::string::npos);
  }
  EXPECT_EQ(Convert(Out("none"), Out("bad"), To(Format::kF32)).find(Out("none")), 0u);
}

// Converters may repeat the embedding and the head below mtp.0.
TEST_F(QuantizeTest, LeavesSharedCopiesOut) {
  Draft draft = MakeDraft(SmallConfig());
  draft.tensors.push_back({{"mtp.0.embed.weight", DType::kI8, {1}}, "x"});
  draft.tensors.push_back({{"mtp.0.head.weight", DType::kI8, {1}}, "x"});
  draft.Write(In());
  ASSERT_EQ(Convert(In(), Out("out"), To(Format::kPublished)), "");
  EXPECT_EQ(io::Checkpoint::Open(Out("out"))->Info("mtp.0.embed.weight"), nullptr);
}

// The conformance checkpoints, where they are present: what is published comes back in value.
TEST_F(QuantizeTest, TheGoldenCheckpointsComeBack) {
  const auto golden = testing::SharedFolder("golden");
  if (!golden) GTEST_SKIP() << "no shared/golden beside the sources";
  for (const std::string name : {"tiny-fp8-fp4", "tiny-long"}) {
    const std::string in = *golden + "/" + name;
    ASSERT_TRUE(fs::exists(in)) << in;
    ASSERT_EQ(Convert(in, Out(name + "-f32"), To(Format::kF32)), "");
    ASSERT_EQ(Convert(Out(name + "-f32"), Out(name + "-back"), To(Format::kPublished)), "");
    ASSERT_EQ(Convert(in, Out(name + "-same"), To(Format::kPublished)), "");
    ExpectSame(in, Out(name + "-same"));
    const auto a = io::Checkpoint::Open(in), b = io::Checkpoint::Open(Out(name + "-back"));
    ASSERT_EQ(a->Names(), b->Names());
    for (const arch::TensorSpec& spec : arch::TensorsOf(arch::ParseConfig(a->config()).value()))
      if (spec.trained()) {
        EXPECT_TRUE(testing::SameBits(Floats(*b, spec), Floats(*a, spec))) << spec.name;
      }
  }
}

}  // namespace
}  // namespace hadal::convert
