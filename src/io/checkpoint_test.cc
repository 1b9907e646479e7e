#include "io/checkpoint.h"
#include "io/decode.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "io/checkpoint_files.h"
#include "tensor/codec.h"
#include "testing/temp_folder.h"

namespace hadal::io {
namespace {

namespace fs = std::filesystem;
using testing::TempFolder;

// A shard of named I8 vectors of one byte each.
void WriteShard(const std::string& path, const std::vector<std::string>& names) {
  std::vector<SafetensorsWriter::Declared> tensors;
  for (const std::string& name : names) tensors.push_back({name, DType::kI8, {1}});
  auto writer = SafetensorsWriter::Create(path, tensors);
  ASSERT_TRUE(writer.ok());
  const std::string data(names.size(), '\3');
  ASSERT_TRUE(writer->Append(std::as_bytes(std::span(data))).ok());
  ASSERT_TRUE(writer->Finish().ok());
}

// A checkpoint of two shards with an index, and what to break in it.
class CheckpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Write("config.json", "{\"vocab_size\": 7}");
    WriteShard(folder_.File("model-00001-of-00002.safetensors"), {"a", "b"});
    WriteShard(folder_.File("model-00002-of-00002.safetensors"), {"c"});
    WriteIndex(R"({"a": "model-00001-of-00002.safetensors", "b": "model-00001-of-00002.safetensors",
                   "c": "model-00002-of-00002.safetensors"})");
  }
  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(WriteFile(folder_.File(name), text).ok());
  }
  void WriteIndex(const std::string& map) {
    Write("model.safetensors.index.json", "{\"metadata\": {}, \"weight_map\": " + map + "}");
  }
  void Remove(const std::string& name) { fs::remove(folder_.File(name)); }
  std::string Error() const {
    const auto checkpoint = Checkpoint::Open(folder_.path());
    return checkpoint.ok() ? "" : checkpoint.error().what;
  }
  void ExpectError(std::initializer_list<const char*> parts) const {
    const std::string error = Error();
    for (const char* part : parts)
      EXPECT_NE(error.find(part), std::string::npos) << part << " in '" << error << "'";
  }

  TempFolder folder_;
};

TEST(NameOfFolder, IsTheSameHoweverItIsPut) {
  for (const char* put :
       {"/a/model", "/a/model/", "/a/model/.", "/a/b/../model//", "model", "./model"})
    EXPECT_EQ(NameOfFolder(put), "model") << put;
  EXPECT_EQ(NameOfFolder("."), std::filesystem::current_path().filename().string());
  EXPECT_EQ(NameOfFolder("/"), "");
}

TEST_F(CheckpointTest, OpensShardsWithAnIndex) {
  const auto checkpoint = Checkpoint::Open(folder_.path());
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().what;
  EXPECT_EQ(checkpoint->Names(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(*checkpoint->config().Find("vocab_size")->AsInt(), 7);
  EXPECT_EQ(checkpoint->tensor_bytes(), 3u);
  EXPECT_EQ(checkpoint->FileOf("c"), folder_.File("model-00002-of-00002.safetensors"));
  EXPECT_EQ(checkpoint->Info("b")->dtype, DType::kI8);
  EXPECT_EQ(checkpoint->Info("d"), nullptr);
  EXPECT_EQ(checkpoint->Find("b")->data[0], std::byte{3});
  const auto none = checkpoint->Find("d");
  EXPECT_EQ(none.error().code, Code::kNotFound);
  EXPECT_NE(none.error().what.find(folder_.path()), std::string::npos);
}

// What macOS leaves beside files, and downloads in place of them.
TEST_F(CheckpointTest, FilesThatAreNoShards) {
  Remove("model.safetensors.index.json");
  for (const char* name : {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"})
    fs::rename(folder_.File(name), folder_.File(std::string("x") + name));
  Write("._xmodel-00001-of-00002.safetensors", std::string("\0\5\26\7\0\2\0\0", 8));
  EXPECT_EQ(Error(), "");
  Write("model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
  ExpectError({"model.safetensors: found a Git LFS pointer"});
  Write("model.safetensors", "<!DOCTYPE html>\n<html>");
  ExpectError({"model.safetensors: found an HTML page"});
  Write("config.json", "<html>");
  ExpectError({"config.json: found an HTML page"});
}

TEST_F(CheckpointTest, OpensWithoutAnIndex) {
  Remove("model.safetensors.index.json");
  WriteShard(folder_.File("other.safetensors"), {"x"});
  EXPECT_EQ(Checkpoint::Open(folder_.path())->Names(), (std::vector<std::string>{"a", "b", "c"}));
  WriteShard(folder_.File("model.safetensors"), {"y"});  // alone, it is the whole model
  EXPECT_EQ(Checkpoint::Open(folder_.path())->Names(), (std::vector<std::string>{"y"}));
  EXPECT_EQ(
      Checkpoint::Open(folder_.path())->notes(),
      (std::vector<std::string>{folder_.File("model-00001-of-00002.safetensors") +
                                " and 1 more: passed over, model.safetensors is the whole model"}));
  Remove("model.safetensors");
  Remove("model-00001-of-00002.safetensors");
  Remove("model-00002-of-00002.safetensors");
  EXPECT_EQ(Checkpoint::Open(folder_.path())->Names(), (std::vector<std::string>{"x"}));
}

TEST_F(CheckpointTest, SaysWhatTheFolderLacks) {
  EXPECT_EQ(Checkpoint::Open(folder_.File("none")).error().code, Code::kNotFound);
  EXPECT_NE(Checkpoint::Open(folder_.File("config.json")).error().what.find("found a file"),
            std::string::npos);
  Remove("config.json");
  ExpectError({"config.json", "No such file"});
  Write("config.json", "[]");
  ExpectError({"config.json: found array, expected an object"});
  Write("config.json", "{");
  ExpectError({"config.json: not JSON"});
  Write("config.json", "{}");
  Remove("model.safetensors.index.json");
  Remove("model-00001-of-00002.safetensors");
  Remove("model-00002-of-00002.safetensors");
  ExpectError({"found no .safetensors file"});
}

TEST_F(CheckpointTest, TheIndexAndTheShardsMustAgree) {
  const std::string one = "\"model-00001-of-00002.safetensors\"";
  const std::string two = "\"model-00002-of-00002.safetensors\"";
  WriteIndex("{\"a\": " + one + ", \"b\": " + one + ", \"c\": " + two + ", \"d\": " + two + "}");
  ExpectError({"index.json: tensor \"d\" should be in", "00002-of", "does not hold it"});
  WriteIndex("{\"a\": " + one + ", \"b\": " + two + ", \"c\": " + two + "}");
  ExpectError({"index.json: tensor \"b\" should be in", "00002-of", "does not hold it"});
  WriteIndex("{\"a\": " + one + ", \"b\": " + one + ", \"c\": \"model-3.safetensors\"}");
  ExpectError({"1 of the 2 files that", "are missing, the first \"model-3.safetensors\"",
               "is the download complete?"});
  WriteIndex("{}");
  ExpectError({"found no tensors"});
  WriteIndex("[]");
  ExpectError({"weight_map: found array"});
  Write("model.safetensors.index.json", "{}");
  ExpectError({"weight_map: found nothing"});
}

TEST_F(CheckpointTest, ShardsLieInTheFolder) {
  for (const char* shard :
       {"../model.safetensors", "/etc/model.safetensors", "a/b.safetensors", "..safetensors",
        "config.json", "", ".safetensors", "a\\\\b.safetensors", "a\\u0000.safetensors"}) {
    WriteIndex(fmt::format(R"({{"a": "{}"}})", shard));
    ExpectError({"index.json: tensor \"a\": found shard", "in the same folder"});
  }
  WriteIndex("{\"a\": 3}");
  ExpectError({"found shard \"3\""});
}

TEST_F(CheckpointTest, WithoutAnIndexANameIsInOneShardOnly) {
  WriteShard(folder_.File("model-00002-of-00002.safetensors"), {"b", "c"});
  Remove("model.safetensors.index.json");
  ExpectError({"00002-of", "found tensor \"b\", which is in", "00001-of"});
}

TEST_F(CheckpointTest, TheIndexDecidesAndTheRestIsLeftAlone) {
  WriteShard(folder_.File("model.safetensors"),
             {"a"});  // of the folder's other files none is opened
  WriteShard(folder_.File("model-00002-of-00002.safetensors"), {"b", "c", "x"});
  const auto checkpoint = Checkpoint::Open(folder_.path());
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().what;
  EXPECT_EQ(checkpoint->Names(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(checkpoint->FileOf("b"), folder_.File("model-00001-of-00002.safetensors"));
  EXPECT_EQ(checkpoint->tensor_bytes(), 3u);
  ASSERT_EQ(checkpoint->notes().size(), 2u);
  EXPECT_EQ(
      checkpoint->notes()[0],
      folder_.File("model-00002-of-00002.safetensors") +
          ": passed over tensor \"b\" and 1 more, which model.safetensors.index.json does not "
          "place there");
  EXPECT_EQ(checkpoint->notes()[1],
            folder_.File("model.safetensors") +
                ": passed over, model.safetensors.index.json does not name it");
}

TEST_F(CheckpointTest, OfAPartOnlyItsShardsMustBeThere) {
  const auto open = [&](const char* name) {
    return Checkpoint::Open(folder_.path(), [=](std::string_view other) { return other == name; });
  };
  Remove("model-00001-of-00002.safetensors");
  ExpectError({"1 of the 2 files", "are missing, the first \"model-00001-of-00002.safetensors\""});
  ASSERT_TRUE(open("c").ok());
  EXPECT_EQ(open("c")->Names(), std::vector<std::string>{"c"});
  EXPECT_EQ(open("a").error().code, Code::kNotFound);
}

TEST_F(CheckpointTest, ABrokenShardIsNamed) {
  fs::resize_file(folder_.File("model-00001-of-00002.safetensors"), 100);
  ExpectError({"model-00001-of-00002.safetensors: "});
}

// Tensors in memory, for the decoders.
struct Owned {
  std::vector<std::byte> bytes;
  TensorView view;
};

Owned MakeTensor(DType dtype, std::vector<std::uint64_t> shape, std::vector<std::uint8_t> data) {
  Owned tensor;
  tensor.bytes.resize(data.size() + 1);  // one byte off, so that nothing is aligned
  for (std::size_t i = 0; i < data.size(); ++i) tensor.bytes[i + 1] = std::byte{data[i]};
  tensor.view = {dtype, std::move(shape), std::span(tensor.bytes).subspan(1)};
  return tensor;
}

TEST(DecodeFloats, PlainTypes) {
  const Owned f32 = MakeTensor(DType::kF32, {2}, {0, 0, 0x80, 0x3F, 1, 0, 0, 0x80});
  EXPECT_EQ(DecodeFloats(f32.view, nullptr).value(), (std::vector<float>{1, -0x1p-149f}));
  const Owned bf16 = MakeTensor(DType::kBF16, {1, 2}, {0x80, 0x3F, 0x49, 0xC0});
  EXPECT_EQ(DecodeFloats(bf16.view, nullptr).value(), (std::vector<float>{1, -3.140625f}));
  const Owned none = MakeTensor(DType::kF32, {0, 5}, {});
  EXPECT_TRUE(DecodeFloats(none.view, nullptr)->empty());
}

// Every code under every scale, with rows and columns that end inside a 128-block.
TEST(DecodeFloats, Fp8Blocks) {
  const std::size_t rows = 130, cols = 257;
  std::vector<std::uint8_t> codes(rows * cols), scales(2 * 3);
  for (std::size_t i = 0; i < codes.size(); ++i)
    codes[i] = static_cast<std::uint8_t>(i * 31 + i / 256);
  for (std::size_t i = 0; i < scales.size(); ++i)
    scales[i] = static_cast<std::uint8_t>(110 + 5 * i);
  const Owned weight = MakeTensor(DType::kF8E4M3, {rows, cols}, codes);
  const Owned scale = MakeTensor(DType::kF8E8M0, {2, 3}, scales);
  const auto got = DecodeFloats(weight.view, &scale.view);
  ASSERT_TRUE(got.ok()) << got.error().what;
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c) {
      const float want =
          std::ldexp(E4m3ToF32(codes[r * cols + c]), scales[r / 128 * 3 + c / 128] - 127);
      const float value = (*got)[r * cols + c];
      ASSERT_TRUE(value == want || (std::isnan(value) && std::isnan(want))) << r << " " << c;
    }
}

TEST(DecodeFloats, Fp4Blocks) {
  const std::size_t rows = 3, cols = 64;
  std::vector<std::uint8_t> codes(rows * cols / 2), scales(rows * cols / 32);
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>(i * 37 + 11);
  for (std::size_t i = 0; i < scales.size(); ++i) scales[i] = static_cast<std::uint8_t>(120 + i);
  const Owned weight = MakeTensor(DType::kI8, {rows, cols / 2}, codes);
  const Owned scale = MakeTensor(DType::kF8E8M0, {rows, cols / 32}, scales);
  const auto got = DecodeFloats(weight.view, &scale.view);
  ASSERT_TRUE(got.ok()) << got.error().what;
  ASSERT_EQ(got->size(), rows * cols);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c) {
      const std::uint8_t pair = codes[(r * cols + c) / 2];
      const auto code = static_cast<std::uint8_t>(c % 2 == 0 ? pair & 15 : pair >> 4);
      const float want = std::ldexp(E2m1ToF32(code), scales[r * 2 + c / 32] - 127);
      ASSERT_EQ((*got)[r * cols + c], want) << r << " " << c;
    }
}

// Any run of rows is what the whole matrix has there.
TEST(DecodeFloats, SomeRowsOfEveryFormat) {
  const std::size_t rows = 260, cols = 160;
  std::vector<std::uint8_t> bytes(rows * cols * 4), scales(rows * cols / 32);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(i * 13 + i / 91) & 0x3F;
  for (std::size_t i = 0; i < scales.size(); ++i)
    scales[i] = static_cast<std::uint8_t>(100 + i % 50);
  const auto first = [](const std::vector<std::uint8_t>& all, std::size_t count) {
    return std::vector<std::uint8_t>(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
  };
  const Owned fp8_scale = MakeTensor(DType::kF8E8M0, {3, 2}, first(scales, 6));
  const Owned fp4_scale = MakeTensor(DType::kF8E8M0, {rows, cols / 32}, scales);
  const std::pair<Owned, const TensorView*> tensors[] = {
      {MakeTensor(DType::kF32, {rows, cols}, bytes), nullptr},
      {MakeTensor(DType::kBF16, {rows, cols}, first(bytes, rows * cols * 2)), nullptr},
      {MakeTensor(DType::kF8E4M3, {rows, cols}, first(bytes, rows * cols)), &fp8_scale.view},
      {MakeTensor(DType::kI8, {rows, cols / 2}, first(bytes, rows * cols / 2)), &fp4_scale.view}};
  for (const auto& [weight, scale] : tensors) {
    const std::vector<float> all = DecodeFloats(weight.view, scale).value();
    ASSERT_EQ(all.size(), rows * cols);
    for (const auto& [begin, count] :
         {std::pair<std::size_t, std::size_t>{0, 1}, {127, 2}, {256, 4}, {5, 0}}) {
      const std::vector<float> some = DecodeRows(weight.view, scale, begin, count).value();
      ASSERT_EQ(some.size(), count * cols);
      EXPECT_TRUE(std::equal(some.begin(), some.end(),
                             all.begin() + static_cast<std::ptrdiff_t>(begin * cols)));
    }
  }
}

TEST(DecodeFloats, RefusesScalesThatDoNotFit) {
  const Owned fp8 = MakeTensor(DType::kF8E4M3, {2, 64}, std::vector<std::uint8_t>(128));
  const Owned fp4 = MakeTensor(DType::kI8, {2, 32}, std::vector<std::uint8_t>(64));
  const Owned ragged = MakeTensor(DType::kI8, {2, 24}, std::vector<std::uint8_t>(48));
  const Owned flat = MakeTensor(DType::kF8E4M3, {128}, std::vector<std::uint8_t>(128));
  const Owned one = MakeTensor(DType::kF8E8M0, {1, 1}, {127});
  const Owned four = MakeTensor(DType::kF8E8M0, {2, 2}, {127, 127, 127, 127});
  const Owned bytes = MakeTensor(DType::kU8, {1, 1}, {127});
  const Owned f32 = MakeTensor(DType::kF32, {1}, {0, 0, 0, 0});
  const Owned ints = MakeTensor(DType::kI32, {1}, {0, 0, 0, 0});
  EXPECT_TRUE(DecodeFloats(fp8.view, &one.view).ok());
  EXPECT_TRUE(DecodeFloats(fp4.view, &four.view).ok());
  const auto refused = [](const Owned& weight, const TensorView* scale, const char* part) {
    const auto got = DecodeFloats(weight.view, scale);
    ASSERT_FALSE(got.ok()) << part;
    EXPECT_EQ(got.error().code, Code::kInvalid);
    EXPECT_NE(got.error().what.find(part), std::string::npos) << got.error().what;
  };
  refused(fp8, nullptr, "has no scale, expected one of F8_E8M0 [1, 1]");
  refused(fp8, &four.view,
          "found F8_E8M0 [2, 2], expected F8_E8M0 [1, 1]");  // 1x32 is for FP4 only
  refused(fp8, &bytes.view, "found U8");
  refused(fp4, &one.view, "expected F8_E8M0 [2, 2]");
  refused(fp4, nullptr, "has no scale");
  refused(ragged, &four.view, "whole 16-byte blocks");
  refused(flat, &one.view, "two dimensions");
  refused(f32, &one.view, "found a scale");
  refused(ints, nullptr, "found dtype I32");
  Owned cut = MakeTensor(DType::kF32, {2}, {0, 0, 0, 0});
  refused(cut, nullptr, "found 4 bytes of data");
}

TEST(DecodeInts, EveryType) {
  EXPECT_EQ(DecodeInts(MakeTensor(DType::kI8, {2}, {1, 0xFF}).view).value(),
            (std::vector<std::int64_t>{1, -1}));
  EXPECT_EQ(DecodeInts(MakeTensor(DType::kU8, {2}, {1, 0xFF}).view).value(),
            (std::vector<std::int64_t>{1, 255}));
  EXPECT_EQ(DecodeInts(MakeTensor(DType::kI32, {1}, {0xFE, 0xFF, 0xFF, 0xFF}).view).value(),
            (std::vector<std::int64_t>{-2}));
  EXPECT_EQ(DecodeInts(MakeTensor(DType::kI64, {1}, {0, 0, 0, 0, 1, 0, 0, 0}).view).value(),
            (std::vector<std::int64_t>{std::int64_t{1} << 32}));
  EXPECT_FALSE(DecodeInts(MakeTensor(DType::kF32, {1}, {0, 0, 0, 0}).view).ok());
}

}  // namespace
}  // namespace hadal::io
