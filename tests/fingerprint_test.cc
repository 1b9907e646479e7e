#include "cache/fingerprint.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "written_models.h"

namespace hadal::cache {
namespace {

namespace fs = std::filesystem;

class FingerprintTest : public ::testing::Test {
 protected:
  static std::uint64_t Of(const std::string& path,
                          const arch::Numerics& numerics = arch::Numerics::Stored()) {
    const model::Model model = model::Model::Load(io::Checkpoint::Open(path).value()).value();
    return Fingerprint(model, arch::KvLayout(model.config, numerics));
  }
  std::string Write(const std::string& name, std::size_t experts,
                    std::uint64_t shard_bytes = 1 << 30) const {
    return models_.Write(name, experts, shard_bytes);
  }
  std::uint64_t OfChanged(const std::string& path, const std::string& part) const {
    return Of(models_.Changed(path, part));
  }
  tests::WrittenModels models_;
};

TEST_F(FingerprintTest, SeesConfigLayoutAndEveryTensorOfASmallModel) {
  const std::string path = Write("m", 8);
  const std::uint64_t fingerprint = Of(path);
  EXPECT_EQ(Of(path), fingerprint);
  EXPECT_NE(Of(path, arch::Numerics::F32()), fingerprint);
  EXPECT_NE(Of(Write("more", 9)), fingerprint);
  for (const char* tensor : {"embed.weight", "layers.1.attn.wkv.weight",
                             "layers.1.attn_norm.weight", "layers.2.ffn.shared_experts.w1.weight",
                             "layers.0.ffn.experts.7.w2.weight", "layers.2.ffn.experts.3.w3.scale"})
    EXPECT_NE(OfChanged(path, tensor), fingerprint) << tensor;
}

// A large model's experts are sampled: in every layer, of every matrix.
TEST_F(FingerprintTest, SeesThatExpertsWereTrained) {
  const std::string path = Write("m", 200);
  const std::uint64_t fingerprint = Of(path);
  for (const char* layer : {"layers.0.", "layers.1.", "layers.2."})
    EXPECT_NE(OfChanged(path, layer + std::string("ffn.experts.")), fingerprint) << layer;
  for (const char* matrix : {"7.w1.weight", "7.w2.weight", "7.w3.weight", "7.w1.scale"})
    EXPECT_NE(OfChanged(path, matrix), fingerprint) << matrix;
}

TEST_F(FingerprintTest, FilesDoNotMatter) {
  const std::string whole = Write("m", 8), cut = Write("cut", 8, 100'000);
  ASSERT_FALSE(fs::exists(cut + "/model.safetensors"));
  EXPECT_EQ(Of(cut), Of(whole));
}

}  // namespace
}  // namespace hadal::cache
