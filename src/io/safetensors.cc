#include "io/safetensors.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/foreign_file.h"
#include "base/json.h"
#include "base/quote.h"
#include "io/direct_file.h"
#include "io/file_stamp.h"

namespace hadal::io {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the same bound as the reference reader's
constexpr std::string_view kMetadataKey = "__metadata__";

// A name as it may be put into a one-line message: quoted, escaped, bounded.
std::string Show(std::string_view name) {
  constexpr std::size_t kMost = 200;
  if (name.size() <= kMost) return Json(name).Dump();
  return Json(name.substr(0, kMost)).Dump() + "...";
}

std::string ShowKind(const Json* json) { return json == nullptr ? "nothing" : json->KindName(); }

// The product of a shape's dimensions; false if it does not fit.
bool CountElements(std::span<const std::uint64_t> shape, std::uint64_t* elements) {
  *elements = 1;
  for (const std::uint64_t dimension : shape)
    if (__builtin_mul_overflow(*elements, dimension, elements)) return false;
  return true;
}

// False if it does not fit, and where numbers of less than a byte do not fill whole bytes.
bool CountBytes(DType dtype, std::span<const std::uint64_t> shape, std::uint64_t* bytes) {
  std::uint64_t elements = 0;
  if (!CountElements(shape, &elements)) return false;
  const std::uint64_t bits = DTypeBits(dtype);
  if (bits % 8 == 0) return !__builtin_mul_overflow(elements, bits / 8, bytes);
  if (__builtin_mul_overflow(elements, bits, &elements) || elements % 8 != 0) return false;
  *bytes = elements / 8;
  return true;
}

std::uint64_t ReadLength(std::span<const std::byte> start) {
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    length |= std::to_integer<std::uint64_t>(start[i]) << (8 * i);
  return length;
}

class HeaderParser {
 public:
  HeaderParser(std::uint64_t data_begin, std::uint64_t file_bytes, const std::string& path)
      : data_begin_(data_begin), file_bytes_(file_bytes), path_(path) {}

  Result<SafetensorsHeader> Parse(const Json& json) {
    if (json.AsObject() == nullptr) {
      return Fail(Code::kCorrupt, "{}: header: found {}, expected an object", path_,
                  json.KindName());
    }
    SafetensorsHeader header;
    for (const auto& [name, entry] : *json.AsObject()) {
      if (name == kMetadataKey) {
        HADAL_TRY_STATUS(ParseMetadata(entry, &header.metadata));
        continue;
      }
      HADAL_TRY(TensorInfo info, ParseTensor(name, entry));
      header.tensors.emplace(name, std::move(info));
    }
    HADAL_TRY_STATUS(CheckLayout(header.tensors));
    return header;
  }

 private:
  Status ParseMetadata(const Json& json, std::map<std::string, std::string>* metadata) const {
    if (json.is_null()) return Unit{};  // the reference reader's field is optional
    if (json.AsObject() == nullptr) {
      return Fail(Code::kCorrupt, "{}: {}: found {}, expected an object of strings", path_,
                  kMetadataKey, json.KindName());
    }
    for (const auto& [key, value] : *json.AsObject()) {
      if (value.AsString() == nullptr) {
        return Fail(Code::kCorrupt, "{}: {}: {}: found {}, expected a string", path_, kMetadataKey,
                    Show(key), value.KindName());
      }
      metadata->emplace(key, *value.AsString());
    }
    return Unit{};
  }

  Result<TensorInfo> ParseTensor(const std::string& name, const Json& json) const {
    TensorInfo info;
    HADAL_TRY(info.dtype, ParseDType(name, json.Find("dtype")));
    HADAL_TRY(info.shape, ParseNumbers(name, "shape", json.Find("shape")));
    HADAL_TRY(const std::vector<std::uint64_t> offsets,
              ParseNumbers(name, "data_offsets", json.Find("data_offsets")));
    if (offsets.size() != 2) {
      return Fail(Code::kCorrupt, "{}: tensor {}: data_offsets: found {} numbers, expected 2",
                  path_, Show(name), offsets.size());
    }
    const std::uint64_t data_bytes = file_bytes_ - data_begin_;
    if (offsets[0] > offsets[1] || offsets[1] > data_bytes) {
      return Fail(
          Code::kCorrupt,
          "{}: tensor {}: found data bytes {}..{}, expected them within the {} that the file "
          "holds; was it cut short?",
          path_, Show(name), offsets[0], offsets[1], data_bytes);
    }
    std::uint64_t bytes = 0;
    if (!CountBytes(info.dtype, info.shape, &bytes)) {
      return Fail(Code::kCorrupt,
                  "{}: tensor {}: shape {} has more elements than 64 bits can count", path_,
                  Show(name), FormatShape(info.shape));
    }
    if (bytes != offsets[1] - offsets[0]) {
      return Fail(Code::kCorrupt, "{}: tensor {}: found {} bytes of data, expected {} for {} {}",
                  path_, Show(name), offsets[1] - offsets[0], bytes, DTypeName(info.dtype),
                  FormatShape(info.shape));
    }
    info.begin = data_begin_ + offsets[0];
    info.end = data_begin_ + offsets[1];
    return info;
  }

  Result<DType> ParseDType(const std::string& name, const Json* json) const {
    const std::string* text = json == nullptr ? nullptr : json->AsString();
    if (text == nullptr) {
      return Fail(Code::kCorrupt, "{}: tensor {}: dtype: found {}, expected a string", path_,
                  Show(name), ShowKind(json));
    }
    const std::optional<DType> dtype = DTypeFromName(*text);
    if (!dtype) {
      return Fail(
          Code::kUnsupported,
          "{}: tensor {}: dtype: found {}, expected one of the safetensors format, as F32 or BF16",
          path_, Show(name), Show(*text));
    }
    return *dtype;
  }

  Result<std::vector<std::uint64_t>> ParseNumbers(const std::string& name, const char* field,
                                                  const Json* json) const {
    if (json == nullptr || json->AsArray() == nullptr) {
      return Fail(Code::kCorrupt, "{}: tensor {}: {}: found {}, expected an array of integers",
                  path_, Show(name), field, ShowKind(json));
    }
    std::vector<std::uint64_t> numbers;
    for (const Json& item : *json->AsArray()) {
      const std::int64_t* number = item.AsInt();
      if (number == nullptr || *number < 0) {
        return Fail(Code::kCorrupt,
                    "{}: tensor {}: {}: found {}, expected an integer of 0 to 2^63-1", path_,
                    Show(name), field, Show(item.Dump()));
      }
      numbers.push_back(static_cast<std::uint64_t>(*number));
    }
    return numbers;
  }

  // The data is one run of tensors: none overlaps another, and no byte belongs to none.
  Status CheckLayout(const TensorMap& tensors) const {
    using Entry = TensorMap::value_type;
    std::vector<const Entry*> order;
    for (const Entry& entry : tensors)
      if (entry.second.begin != entry.second.end) order.push_back(&entry);
    std::sort(order.begin(), order.end(),
              [](const Entry* a, const Entry* b) { return a->second.begin < b->second.begin; });
    std::uint64_t reached = data_begin_;
    const Entry* before = nullptr;
    for (const Entry* entry : order) {
      const TensorInfo& info = entry->second;
      if (info.begin < reached) {
        return Fail(
            Code::kCorrupt,
            "{}: tensor {}: its data begins at byte {}, inside that of tensor {}, which ends "
            "at {}",
            path_, Show(entry->first), info.begin, Show(before->first), reached);
      }
      if (info.begin > reached) {
        return Fail(
            Code::kCorrupt,
            "{}: tensor {}: its data begins at byte {}, expected {}: the {} bytes before it "
            "belong to no tensor",
            path_, Show(entry->first), info.begin, reached, info.begin - reached);
      }
      reached = info.end;
      before = entry;
    }
    if (reached != file_bytes_) {
      return Fail(Code::kCorrupt,
                  "{}: found {} bytes, expected {}: the last {} belong to no tensor", path_,
                  file_bytes_, reached, file_bytes_ - reached);
    }
    return Unit{};
  }

  std::uint64_t data_begin_, file_bytes_;
  const std::string& path_;
};

Status CheckDeclared(const SafetensorsWriter::Declared& tensor, const std::string& path,
                     std::uint64_t* bytes) {
  if (tensor.name == kMetadataKey)
    return Fail(Code::kInvalid, "{}: {} cannot be a tensor's name", path, kMetadataKey);
  // Dump replaces bytes that are not UTF-8, so a good name is one that survives it.
  const Result<Json> back = ParseJson(Json(tensor.name).Dump());
  if (!back.ok() || back->AsString() == nullptr || *back->AsString() != tensor.name)
    return Fail(Code::kInvalid, "{}: tensor {}: its name is not UTF-8", path, Show(tensor.name));
  if (!CountBytes(tensor.dtype, tensor.shape, bytes)) {
    return Fail(Code::kInvalid, "{}: tensor {}: shape {} has more elements than 64 bits can count",
                path, Show(tensor.name), FormatShape(tensor.shape));
  }
  return Unit{};
}

Json DescribeTensor(const SafetensorsWriter::Declared& tensor, std::uint64_t begin,
                    std::uint64_t end) {
  Json::Array shape;
  for (const std::uint64_t dimension : tensor.shape) shape.emplace_back(dimension);
  return Json::MakeObject({{"dtype", DTypeName(tensor.dtype)},
                           {"shape", std::move(shape)},
                           {"data_offsets", Json::Array{begin, end}}});
}

}  // namespace

std::uint64_t TensorInfo::elements() const {
  std::uint64_t count = 0;
  HADAL_CHECK(CountElements(shape, &count));
  return count;
}

std::string FormatShape(std::span<const std::uint64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

Result<SafetensorsHeader> ParseSafetensorsHeader(std::span<const std::byte> start,
                                                 std::uint64_t file_bytes,
                                                 const std::string& path) {
  HADAL_CHECK(start.size() <= file_bytes);
  if (file_bytes < kLengthBytes || start.size() < kLengthBytes) {
    return Fail(Code::kCorrupt,
                "{}: found {} bytes, expected a safetensors file, which has at least {}", path,
                file_bytes, kLengthBytes);
  }
  const std::string_view all(reinterpret_cast<const char*>(start.data()), start.size());
  if (const std::string foreign = ForeignFile(all.substr(0, 4096)); !foreign.empty())
    return Fail(Code::kCorrupt, "{}: found {}", path, foreign);
  const std::uint64_t length = ReadLength(start);
  const std::uint64_t most = std::min(file_bytes - kLengthBytes, kMaxHeaderBytes);
  if (length > most) {
    return Fail(
        Code::kCorrupt,
        "{}: found a header length of {} bytes, expected at most {} in a file of {}; is it a "
        "safetensors file, and whole?",
        path, length, most, file_bytes);
  }
  HADAL_CHECK(start.size() - kLengthBytes >= length);
  const std::string_view text = all.substr(kLengthBytes, static_cast<std::size_t>(length));
  // Spaces may follow the object, but not come before it.
  if (text.find_first_of(" \t\r\n") == 0) {
    return Fail(Code::kCorrupt, "{}: header: found {}, expected it to begin with '{{'", path,
                Quote(text.substr(0, 1)));
  }
  const Result<Json> json = ParseJson(text);
  if (!json.ok()) return Fail(Code::kCorrupt, "{}: header: {}", path, json.error().what);
  return HeaderParser(kLengthBytes + length, file_bytes, path).Parse(*json);
}

Result<SafetensorsFile> SafetensorsFile::Open(const std::string& path) {
  HADAL_TRY(std::string stamp, FileStamp(path));
  HADAL_TRY(MappedFile file, MappedFile::Open(path));
  const std::uint64_t bytes = file.bytes().size();
  HADAL_TRY(SafetensorsHeader header, ParseSafetensorsHeader(file.bytes(), bytes, path));
  return SafetensorsFile(path, std::move(stamp), bytes, std::move(file), std::move(header));
}

Result<SafetensorsFile> SafetensorsFile::OpenHeader(const std::string& path) {
  HADAL_TRY(std::string stamp, FileStamp(path));
  HADAL_TRY(const DirectFile file, DirectFile::Open(path));
  const std::uint64_t bytes = file.bytes();
  // As much as the header says, once its length is known and not absurd.
  std::uint64_t wanted = std::min(bytes, kDiskBlock);
  DirectBuffer start;
  for (int part = 0; part < 2 && wanted > 0; ++part) {
    HADAL_TRY(start, DirectBuffer::Create(FileRange{0, wanted}.hull_bytes(), path));
    HADAL_TRY_STATUS(file.Read({0, wanted}, start.span()));
    if (wanted < kLengthBytes) break;
    const std::uint64_t length = ReadLength(start.span());
    if (length <= wanted - kLengthBytes) break;
    if (length <= std::min(bytes - kLengthBytes, kMaxHeaderBytes)) wanted = kLengthBytes + length;
  }
  HADAL_TRY(SafetensorsHeader header,
            ParseSafetensorsHeader(start.span().first(wanted), bytes, path));
  return SafetensorsFile(path, std::move(stamp), bytes, std::nullopt, std::move(header));
}

Result<TensorView> SafetensorsFile::Find(std::string_view name) const {
  const auto found = tensors().find(name);
  if (found == tensors().end())
    return Fail(Code::kNotFound, "{}: no tensor {}", path(), Show(name));
  const TensorInfo& info = found->second;
  TensorView view{.dtype = info.dtype, .shape = info.shape, .data = {}, .in_memory = false};
  if (!file_) return view;
  view.data = file_->bytes().subspan(info.begin, info.end - info.begin);
  view.in_memory = true;
  return view;
}

Result<SafetensorsWriter> SafetensorsWriter::Create(
    const std::string& path, const std::vector<Declared>& tensors,
    const std::map<std::string, std::string>& metadata) {
  Json::Object header;
  if (!metadata.empty()) {
    Json::Object strings;
    for (const auto& [key, value] : metadata) strings.emplace_back(key, value);
    header.emplace_back(std::string(kMetadataKey), std::move(strings));
  }
  std::set<std::string_view> names;
  std::uint64_t data_bytes = 0;
  for (const Declared& tensor : tensors) {
    if (!names.insert(tensor.name).second)
      return Fail(Code::kInvalid, "{}: tensor {} is declared twice", path, Show(tensor.name));
    std::uint64_t bytes = 0;
    HADAL_TRY_STATUS(CheckDeclared(tensor, path, &bytes));
    const std::uint64_t begin = data_bytes;
    if (__builtin_add_overflow(begin, bytes, &data_bytes) || data_bytes > std::uint64_t{1} << 62)
      return Fail(Code::kInvalid, "{}: tensor {}: more data than a file can hold", path,
                  Show(tensor.name));
    header.emplace_back(tensor.name, DescribeTensor(tensor, begin, data_bytes));
  }

  std::string text = Json(std::move(header)).Dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the data starts aligned
  if (text.size() > kMaxHeaderBytes) {
    return Fail(Code::kInvalid, "{}: a header of {} bytes, expected at most {}", path, text.size(),
                kMaxHeaderBytes);
  }
  std::array<std::byte, kLengthBytes> length;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    length[i] = static_cast<std::byte>(std::uint64_t{text.size()} >> (8 * i));
  HADAL_TRY(AtomicFile file, AtomicFile::Create(path));
  HADAL_TRY_STATUS(file.Write(length));
  HADAL_TRY_STATUS(file.Write(text));
  return SafetensorsWriter(std::move(file), data_bytes);
}

Status SafetensorsWriter::Append(std::span<const std::byte> bytes) {
  if (bytes.size() > left_) {
    return Fail(Code::kInvalid, "safetensors writer: given {} bytes, expected at most the {} left",
                bytes.size(), left_);
  }
  left_ -= bytes.size();
  return file_.Write(bytes);
}

Status SafetensorsWriter::Finish() {
  if (left_ != 0)
    return Fail(Code::kInvalid, "safetensors writer: {} declared bytes were never given", left_);
  return file_.Commit();
}

}  // namespace hadal::io
