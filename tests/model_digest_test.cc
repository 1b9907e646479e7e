// What states on disk are named by changes with everything that their bits depend on, and is made
// once of weights that stay.
#include "cache/model_digest.h"

#include <gtest/gtest.h>

#include "written_models.h"

namespace hadal::cache {
namespace {

class ModelDigestTest : public ::testing::Test {
 protected:
  struct Made {
    Result<io::Digest> digest;
    std::uint64_t read_bytes = 0;
  };
  static model::Model Load(const std::string& path) {
    return model::Model::Load(io::Checkpoint::Open(path).value()).value();
  }
  Made Of(const model::Model& model, const arch::Numerics& numerics = arch::Numerics::Stored()) {
    std::uint64_t read = 0;
    auto digest =
        ModelDigest(model, numerics, arch::KvLayout(model.config, numerics), store_,
                    {.on_reading = [&](std::uint64_t done, std::uint64_t) { read = done; }});
    return {std::move(digest), read};
  }
  io::Digest Of(const std::string& path) { return Of(Load(path)).digest.value(); }

  tests::WrittenModels models_;
  std::string note_;
  SegmentStore store_ = SegmentStore::Open(models_.File("states"), true, &note_).value();
};

TEST_F(ModelDigestTest, SeesConfigNumericsAndEveryWeight) {
  const std::string path = models_.Write("m", 8);
  const model::Model model = Load(path);
  const io::Digest digest = Of(model).digest.value();
  EXPECT_EQ(Of(path), digest);
  EXPECT_NE(Of(model, arch::Numerics::F32()).digest.value(), digest);
  EXPECT_NE(Of(models_.Write("more", 9)), digest);
  for (const char* part :
       {"embed.weight", "layers.1.attn_norm.weight", "layers.2.ffn.shared_experts.w1.weight",
        "layers.0.ffn.experts.7.w2.weight", "layers.2.ffn.experts.3.w3.scale"})
    EXPECT_NE(Of(models_.Changed(path, part)), digest) << part;
}

TEST_F(ModelDigestTest, FilesAreReadOnceAndAgainWhenTheyChange) {
  const std::string path = models_.Write("m", 8);
  const std::uint64_t bytes = std::filesystem::file_size(path + "/model.safetensors");
  const io::Digest before = Of(path);
  EXPECT_EQ(Of(Load(path)).read_bytes, 0u);
  tests::WrittenModels::Change(path, "embed.weight");
  const Made after = Of(Load(path));
  EXPECT_EQ(after.read_bytes, bytes);
  EXPECT_NE(after.digest.value(), before);
}

// The program computes with what it has mapped: states of that under the other's name would be
// wrong for whoever reads them.
TEST_F(ModelDigestTest, WeightsThatAreReplacedBehindTheProgramsBackAreRefused) {
  const std::string path = models_.Write("m", 8), other = models_.Changed(path, "embed.weight");
  const model::Model loaded = Load(path);
  const io::Digest of_other = Of(other);
  std::filesystem::rename(other + "/model.safetensors", path + "/model.safetensors");
  const auto refused = Of(loaded).digest;
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().what.find("model.safetensors: is another file than"), std::string::npos)
      << refused.error().what;
  EXPECT_NE(Of(path), io::Digest());
  EXPECT_EQ(Of(path), of_other);  // where a file lies is no part of it
}

}  // namespace
}  // namespace hadal::cache
