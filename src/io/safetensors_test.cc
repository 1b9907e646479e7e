#include "io/safetensors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <span>

#include "testing/temp_folder.h"

namespace hadal::io {
namespace {

using testing::TempFolder;

// A file of this header and this much data.
std::string FileOf(const std::string& header, std::size_t data_bytes) {
  std::string text(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(text.data(), &length, 8);
  return text + header + std::string(data_bytes, '\1');
}

Result<SafetensorsHeader> Parse(const std::string& file) {
  return ParseSafetensorsHeader(std::as_bytes(std::span(file.data(), file.size())), file.size(),
                                "f.safetensors");
}

std::string ErrorOf(const std::string& file) {
  const auto header = Parse(file);
  return header.ok() ? "" : header.error().what;
}

std::span<const std::byte> Bytes(const auto& values) { return std::as_bytes(std::span(values)); }

TEST(Safetensors, ReadsAHeader) {
  const auto header = Parse(FileOf(
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"I64","shape":[],"data_offsets":[12,20]},)"
      R"("a":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},)"
      R"("none":{"dtype":"F32","shape":[0,7],"data_offsets":[5,5]}}   )",
      20));
  ASSERT_TRUE(header.ok()) << header.error().what;
  EXPECT_EQ(header->metadata.at("format"), "pt");
  ASSERT_EQ(header->tensors.size(), 3u);
  const TensorInfo& a = header->tensors.at("a");
  EXPECT_EQ(a.dtype, DType::kBF16);
  EXPECT_EQ(a.shape, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(a.elements(), 6u);
  EXPECT_EQ(a.end - a.begin, 12u);
  const TensorInfo& b = header->tensors.at("b");
  EXPECT_EQ(b.begin, a.end);
  EXPECT_EQ(b.elements(), 1u);
  EXPECT_TRUE(Parse(FileOf("{}", 0)).ok());
}

struct Bad {
  const char* what;
  std::string file;
  const char* part;
};

std::string OneTensor(const char* name, const char* dtype, const char* shape, const char* offsets) {
  return fmt::format(R"({{"{}":{{"dtype":{},"shape":{},"data_offsets":{}}}}})", name, dtype, shape,
                     offsets);
}

TEST(Safetensors, MetadataMayBeNull) {
  const std::string text =
      FileOf(R"({"__metadata__":null,"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1);
  const auto header =
      ParseSafetensorsHeader(std::as_bytes(std::span(text)), text.size(), "x.safetensors");
  ASSERT_TRUE(header.ok()) << header.error().what;
  EXPECT_EQ(header->tensors.size(), 1u);
  EXPECT_TRUE(header->metadata.empty());
}

// None is used, but a file that has one can be looked into.
TEST(Safetensors, KnowsEveryDtypeOfTheFormat) {
  const std::pair<const char*, const char*> kinds[] = {
      {"F64", "[0,32]"},    {"F16", "[0,8]"}, {"F8_E5M2", "[0,4]"}, {"F6_E2M3", "[0,3]"},
      {"F6_E3M2", "[0,3]"}, {"F4", "[0,2]"},  {"C64", "[0,32]"},    {"U64", "[0,32]"},
      {"U32", "[0,16]"},    {"U16", "[0,8]"}, {"I16", "[0,8]"},     {"BOOL", "[0,4]"}};
  for (const auto& [dtype, offsets] : kinds) {
    const std::string quoted = std::string("\"") + dtype + "\"";
    const std::size_t bytes = std::stoul(std::string(offsets).substr(3));
    const std::string text = FileOf(OneTensor("a", quoted.c_str(), "[2,2]", offsets), bytes);
    const auto header =
        ParseSafetensorsHeader(std::as_bytes(std::span(text)), text.size(), "x.safetensors");
    ASSERT_TRUE(header.ok()) << header.error().what;
    EXPECT_EQ(DTypeName(header->tensors.at("a").dtype), dtype);
  }
}

TEST(Safetensors, RefusesEveryCorruption) {
  const std::string good = OneTensor("a", "\"F32\"", "[2]", "[0,8]");
  ASSERT_EQ(ErrorOf(FileOf(good, 8)), "");
  std::string absurd = FileOf(good, 8);
  absurd[7] = '\x7f';
  std::string longer = FileOf(good, 8);
  longer[0] = static_cast<char>(good.size() + 9);
  const Bad cases[] = {
      {"nothing", "", "found 0 bytes"},
      {"less than a length", "1234567", "found 7 bytes"},
      {"absurd header length", absurd, "expected at most"},
      {"header longer than the file", longer, "expected at most"},
      {"empty header", FileOf("", 0), "header: not JSON"},
      {"header cut off", FileOf(good.substr(0, 20), 8), "header: not JSON"},
      {"an array", FileOf("[]", 0), "found array, expected an object"},
      {"not UTF-8", FileOf(OneTensor("a\xff", "\"F32\"", "[2]", "[0,8]"), 8), "header: not JSON"},
      {"overlong UTF-8", FileOf(OneTensor("\xc0\xaf", "\"F32\"", "[2]", "[0,8]"), 8), "not JSON"},
      {"tensor is no object", FileOf(R"({"a":3})", 0), "tensor \"a\": dtype: found nothing"},
      {"unknown dtype", FileOf(OneTensor("a", "\"F17\"", "[4]", "[0,8]"), 8), "found \"F17\""},
      {"half a byte", FileOf(OneTensor("a", "\"F4\"", "[3]", "[0,2]"), 2), "shape [3]"},
      {"zeros behind it", FileOf(std::string("{}\0\0", 4), 0),
       "header: not JSON at byte 3: a zero"},
      {"a tensor and zeros behind it", FileOf(good + std::string(3, '\0'), 8), "a zero"},
      {"a space in front", FileOf(" {}", 0), "header: found ' ', expected it to begin with '{'"},
      {"dtype is a number", FileOf(OneTensor("a", "3", "[2]", "[0,8]"), 8), "dtype: found integer"},
      {"no shape", FileOf(R"({"a":{"dtype":"F32","data_offsets":[0,8]}})", 8),
       "shape: found nothing"},
      {"no offsets", FileOf(R"({"a":{"dtype":"F32","shape":[2]}})", 8),
       "data_offsets: found nothing"},
      {"negative dimension", FileOf(OneTensor("a", "\"F32\"", "[-2]", "[0,8]"), 8), "found \"-2\""},
      {"float dimension", FileOf(OneTensor("a", "\"F32\"", "[2.0]", "[0,8]"), 8), "found \"2.0\""},
      {"dimension above 2^63",
       FileOf(OneTensor("a", "\"F32\"", "[9223372036854775808]", "[0,8]"), 8),
       "expected an integer"},
      {"text dimension", FileOf(OneTensor("a", "\"F32\"", "[\"2\"]", "[0,8]"), 8), "shape: found"},
      {"elements overflow",
       FileOf(OneTensor("a", "\"F32\"", "[4294967296,4294967296]", "[0,0]"), 0), "64 bits"},
      {"bytes overflow", FileOf(OneTensor("a", "\"F32\"", "[4611686018427387904]", "[0,0]"), 0),
       "64 bits"},
      {"negative offset", FileOf(OneTensor("a", "\"F32\"", "[2]", "[-8,0]"), 8),
       "data_offsets: found"},
      {"one offset", FileOf(OneTensor("a", "\"F32\"", "[2]", "[0]"), 8), "expected 2"},
      {"offsets reversed", FileOf(OneTensor("a", "\"F32\"", "[2]", "[8,0]"), 8), "data bytes 8..0"},
      {"offset outside", FileOf(OneTensor("a", "\"F32\"", "[2]", "[8,16]"), 8), "was it cut short"},
      {"truncated", FileOf(good, 7), "data bytes 0..8, expected them within the 7"},
      {"shape and bytes differ", FileOf(OneTensor("a", "\"F32\"", "[3]", "[0,8]"), 8),
       "found 8 bytes of data, expected 12 for F32 [3]"},
      {"same name twice",
       FileOf(R"({"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},)"
              R"("a":{"dtype":"I8","shape":[1],"data_offsets":[1,2]}})",
              2),
       "'a' is given twice"},
      {"overlap",
       FileOf(R"({"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},)"
              R"("b":{"dtype":"I8","shape":[2],"data_offsets":[1,3]}})",
              3),
       "inside that of tensor \"a\""},
      {"same bytes twice",
       FileOf(R"({"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},)"
              R"("b":{"dtype":"I8","shape":[2],"data_offsets":[0,2]}})",
              2),
       "inside that of tensor"},
      {"a hole", FileOf(OneTensor("a", "\"I8\"", "[2]", "[1,3]"), 3), "belong to no tensor"},
      {"bytes after the last", FileOf(good, 9), "the last 1 belong to no tensor"},
      {"metadata is no object", FileOf(R"({"__metadata__":[]})", 0), "found array"},
      {"metadata of numbers", FileOf(R"({"__metadata__":{"a":1}})", 0), "found integer"},
  };
  for (const Bad& bad : cases) {
    const std::string error = ErrorOf(bad.file);
    EXPECT_NE(error.find(bad.part), std::string::npos) << bad.what << ": '" << error << "'";
    EXPECT_EQ(error.rfind("f.safetensors: ", 0), 0u) << bad.what << ": '" << error << "'";
    EXPECT_EQ(error.find('\n'), std::string::npos) << bad.what;
  }
}

TEST(Safetensors, NamesAreShownOnOneLine) {
  const std::string error =
      ErrorOf(FileOf(OneTensor("a\\n\\u001b[2J", "\"F16\"", "[2]", "[0,8]"), 8));
  EXPECT_NE(error.find(R"("a\n\u001b[2J")"), std::string::npos) << error;
  const std::string name(100000, 'x');
  EXPECT_LT(ErrorOf(FileOf(OneTensor(name.c_str(), "3", "[2]", "[0,8]"), 8)).size(), 1000u);
}

// Every file cut short anywhere is refused, none is read as something else.
TEST(Safetensors, RefusesEveryTruncation) {
  const TempFolder folder;
  const std::string path = folder.File("f.safetensors");
  auto writer =
      SafetensorsWriter::Create(path, {{"a", DType::kF32, {2, 3}}, {"b", DType::kI8, {5}}});
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE(writer->Append(Bytes(std::string(29, 'x'))).ok());
  ASSERT_TRUE(writer->Finish().ok());
  const std::string whole = ReadFile(path).value();
  ASSERT_TRUE(Parse(whole).ok());
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(Parse(whole.substr(0, size)).ok()) << size;
}

TEST(SafetensorsWriter, WritesWhatIsReadBack) {
  const TempFolder folder;
  const std::string path = folder.File("f.safetensors");
  const std::vector<float> a = {1, 2, 3, 4, 5, 6};
  const std::vector<std::uint8_t> b = {7, 8, 9};
  auto writer = SafetensorsWriter::Create(
      path,
      {{"z", DType::kU8, {3}}, {"a \"\xC3\xA9", DType::kF32, {2, 3}}, {"e", DType::kF32, {0}}},
      {{"format", "pt"}});
  ASSERT_TRUE(writer.ok()) << writer.error().what;
  ASSERT_TRUE(writer->Append(Bytes(b).first(1)).ok());  // pieces need not be whole tensors
  ASSERT_TRUE(writer->Append(Bytes(b).subspan(1)).ok());
  ASSERT_TRUE(writer->Append(Bytes(a)).ok());
  EXPECT_FALSE(std::ifstream(path).good()) << "nothing is there before Finish";
  ASSERT_TRUE(writer->Finish().ok());

  const auto file = SafetensorsFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.error().what;
  EXPECT_EQ(file->header().metadata.at("format"), "pt");
  EXPECT_EQ(file->tensors().at("z").begin % 8, 0u);
  const auto view = file->Find("a \"\xC3\xA9");
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->shape, (std::vector<std::uint64_t>{2, 3}));
  ASSERT_EQ(view->data.size(), 24u);
  EXPECT_TRUE(std::ranges::equal(view->data, std::as_bytes(std::span(a))));
  EXPECT_EQ(file->Find("z")->data[2], std::byte{9});
  EXPECT_EQ(file->Find("e")->data.size(), 0u);
  EXPECT_EQ(file->Find("none").error().code, Code::kNotFound);
}

TEST(SafetensorsWriter, HoldsItsCallerToTheDeclaration) {
  const TempFolder folder;
  const std::string path = folder.File("f.safetensors");
  {
    auto writer = SafetensorsWriter::Create(path, {{"a", DType::kI8, {2}}});
    ASSERT_TRUE(writer.ok());
    EXPECT_FALSE(writer->Append(Bytes(std::string(3, 'x'))).ok());
    EXPECT_TRUE(writer->Append(Bytes(std::string(1, 'x'))).ok());
    EXPECT_EQ(writer->Finish().error().code, Code::kInvalid);
  }
  EXPECT_FALSE(std::ifstream(path).good());
  const auto refused = [&](std::vector<SafetensorsWriter::Declared> tensors) {
    return !SafetensorsWriter::Create(path, tensors).ok();
  };
  EXPECT_TRUE(refused({{"a", DType::kI8, {2}}, {"a", DType::kI8, {2}}}));
  EXPECT_TRUE(refused({{"a\xff", DType::kI8, {2}}}));
  EXPECT_TRUE(refused({{"__metadata__", DType::kI8, {2}}}));
  EXPECT_TRUE(refused({{"a", DType::kI64, {std::uint64_t{1} << 62}}}));
  EXPECT_TRUE(refused({{"a", DType::kI8, {std::uint64_t{1} << 62}}, {"b", DType::kI8, {1}}}));
}

}  // namespace
}  // namespace hadal::io
