// What states on disk are named by changes with everything that their bits depend on, and is made
// once of weights that stay.
#include "cache/model_digest.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "cache/weight_digests.h"
#include "io/file_stamp.h"
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
        ModelDigest(model, numerics, arch::KvLayout(model.config, numerics), *store_,
                    {.beside_from_bytes = beside_from_bytes_,
                     .on_reading = [&](std::uint64_t done, std::uint64_t) { read = done; }});
    return {std::move(digest), read};
  }
  io::Digest Of(const std::string& path) { return Of(Load(path)).digest.value(); }

  // What is remembered in another folder of states: nothing.
  void TakeOtherFolder() {
    store_.emplace(
        SegmentStore::Open(models_.File(fmt::format("states{}", ++folders_)), true, &note_)
            .value());
  }
  static std::string Beside(const std::string& path) {
    return path + "/" + std::string(kWeightDigestsName);
  }

  tests::WrittenModels models_;
  std::string note_;
  int folders_ = 0;
  std::uint64_t beside_from_bytes_ = DigestOptions::kWorthKeeping;
  std::optional<SegmentStore> store_ =
      SegmentStore::Open(models_.File("states"), true, &note_).value();
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

TEST_F(ModelDigestTest, AreKeptBesideLargeWeights) {
  const std::string path = models_.Write("m", 8, 100'000);  // in shards
  const io::Digest digest = Of(path);
  EXPECT_FALSE(std::filesystem::exists(Beside(path)));  // it is no large one
  beside_from_bytes_ = 1;
  TakeOtherFolder();
  EXPECT_GT(Of(Load(path)).read_bytes, 0u);
  ASSERT_TRUE(std::filesystem::exists(Beside(path)));
  for (const std::string& named : {path, path + "/", path + "/../m"}) {
    TakeOtherFolder();
    const Made again = Of(Load(named));
    EXPECT_EQ(again.read_bytes, 0u) << named;
    EXPECT_EQ(again.digest.value(), digest) << named;
  }
}

TEST_F(ModelDigestTest, ShardsThatChangeAreReadAgain) {
  const std::string path = models_.Write("m", 8, 100'000);
  beside_from_bytes_ = 1;
  const io::Digest before = Of(path);
  std::string shard;
  for (const auto& entry : std::filesystem::directory_iterator(path))
    if (entry.path().extension() == ".safetensors") shard = entry.path();
  const std::uint64_t bytes = std::filesystem::file_size(shard);
  {  // the same bytes in another file
    std::filesystem::copy(shard, shard + "2");
    std::filesystem::rename(shard + "2", shard);
  }
  const Made copied = Of(Load(path));
  EXPECT_EQ(copied.read_bytes, bytes);
  EXPECT_EQ(copied.digest.value(), before);
  {  // another byte, and the old time of change
    const auto written = std::filesystem::last_write_time(shard);
    std::fstream file(shard, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(-1, std::ios::end);
    const int last = file.get();
    file.seekp(-1, std::ios::end);
    file.put(static_cast<char>(last ^ 1));
    file.close();
    ASSERT_TRUE(file.good());
    std::filesystem::last_write_time(shard, written);
  }
  TakeOtherFolder();
  const Made changed = Of(Load(path));
  EXPECT_EQ(changed.read_bytes, bytes);
  EXPECT_NE(changed.digest.value(), before);
}

TEST_F(ModelDigestTest, WhatIsDamagedBesideThemIsWrittenAnew) {
  const std::string path = models_.Write("m", 8);
  beside_from_bytes_ = 1;
  const io::Digest digest = Of(path);
  const std::string good = io::ReadFile(Beside(path)).value();
  const std::size_t at = good.find("\"digest\":\"") + 10;
  std::string flipped = good;
  flipped[at] = flipped[at] == '0' ? '1' : '0';
  for (const std::string& damaged :
       {flipped, good.substr(0, good.size() / 2), std::string(), std::string("not JSON"),
        std::string(R"({"format":"hadal-digests","version":2})"), std::string("{\"files\":3}")}) {
    ASSERT_TRUE(io::WriteFile(Beside(path), damaged).ok());
    TakeOtherFolder();
    const Made made = Of(Load(path));
    EXPECT_GT(made.read_bytes, 0u) << damaged;
    EXPECT_EQ(made.digest.value(), digest) << damaged;
    EXPECT_EQ(io::ReadFile(Beside(path)).value(), good) << damaged;
  }
}

// As where a package put them; root writes anywhere, but not over a folder.
TEST_F(ModelDigestTest, WhereTheyCannotBeKeptTheFolderOfStatesHasThem) {
  const std::string path = models_.Write("m", 8);
  beside_from_bytes_ = 1;
  std::filesystem::create_directory(Beside(path));
  const io::Digest digest = Of(path);
  const Made again = Of(Load(path));
  EXPECT_EQ(again.read_bytes, 0u);
  EXPECT_EQ(again.digest.value(), digest);
  TakeOtherFolder();
  EXPECT_GT(Of(Load(path)).read_bytes, 0u);
  EXPECT_TRUE(std::filesystem::is_empty(Beside(path)));
}

TEST_F(ModelDigestTest, ManyMayMakeThemAtOnce) {
  const std::string path = models_.Write("m", 8, 100'000);
  beside_from_bytes_ = 1;
  const io::Digest digest = Of(path);
  for (int round = 0; round < 5; ++round) {
    std::filesystem::remove(Beside(path));
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&, folder = models_.File(fmt::format("{}-{}", round, i))] {
        std::string note;
        SegmentStore store = SegmentStore::Open(folder, true, &note).value();
        const model::Model model = Load(path);
        const auto made = ModelDigest(model, arch::Numerics::Stored(),
                                      arch::KvLayout(model.config, arch::Numerics::Stored()), store,
                                      {.beside_from_bytes = 1});
        EXPECT_EQ(made.value(), digest);
      });
    for (std::thread& thread : threads) thread.join();
    // Whoever was last has written a whole file, with a part of them at least.
    const WeightDigests kept = WeightDigests::Beside(path);
    std::size_t known = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      EXPECT_FALSE(io::IsLeftOver(entry.path().filename().string())) << entry.path();
      const std::string file = entry.path();
      known += kept.Of(file, io::FileStamp(file).value()) ? 1 : 0;
    }
    EXPECT_GT(known, 0u);
  }
}

}  // namespace
}  // namespace hadal::cache
