// The safetensors format: an 8-byte little-endian header length, a JSON header
//   {"name": {"dtype": "BF16", "shape": [..], "data_offsets": [begin, end]}, "__metadata__": {..}}
// (it may end in spaces), then raw row-major data; offsets count from the end of the header.
//
// "__metadata__" may be null. Everything in the header is checked against the file before it is
// used: length, UTF-8, types, known dtypes, offsets inside the file, shape x dtype = bytes without
// overflow, no two tensors overlapping. Source: github.com/huggingface/safetensors, README,
// "Format".
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/file.h"
#include "tensor/dtype.h"

namespace hadal::io {

struct TensorInfo {
  DType dtype = DType::kF32;
  std::vector<std::uint64_t> shape;  // [slow, ..., fast]; empty: a scalar
  std::uint64_t begin = 0, end = 0;  // bytes from the start of the file
  std::uint64_t elements() const;
};

std::string FormatShape(std::span<const std::uint64_t> shape);  // "[4, 128]"

using TensorMap = std::map<std::string, TensorInfo, std::less<>>;

struct SafetensorsHeader {
  TensorMap tensors;
  std::map<std::string, std::string> metadata;
};

// `start` holds at least the header of a file of file_bytes bytes (or all of the file, if shorter).
// kCorrupt, kUnsupported (dtype): one line that names file, tensor, what was found and expected.
Result<SafetensorsHeader> ParseSafetensorsHeader(std::span<const std::byte> start,
                                                 std::uint64_t file_bytes, const std::string& path);

// A tensor's bytes where they are in memory. `data` may be unaligned for its dtype.
struct TensorView {
  DType dtype = DType::kF32;
  std::vector<std::uint64_t> shape;
  std::span<const std::byte> data;
  bool in_memory = true;  // false: it is left in its file, and there is no data
};

// One file: mapped, or its header alone.
class SafetensorsFile {
 public:
  static Result<SafetensorsFile> Open(const std::string& path);
  // No byte of data is mapped or read: all tensors are left in the file.
  static Result<SafetensorsFile> OpenHeader(const std::string& path);
  const TensorMap& tensors() const { return header_.tensors; }
  const SafetensorsHeader& header() const { return header_; }
  const std::string& path() const { return path_; }
  const std::string& stamp() const { return stamp_; }  // io/file_stamp.h, before it was opened
  std::uint64_t file_bytes() const { return file_bytes_; }
  Result<TensorView> Find(std::string_view name) const;  // kNotFound

 private:
  SafetensorsFile(std::string path, std::string stamp, std::uint64_t file_bytes,
                  std::optional<MappedFile> file, SafetensorsHeader header)
      : path_(std::move(path)),
        stamp_(std::move(stamp)),
        file_bytes_(file_bytes),
        file_(std::move(file)),
        header_(std::move(header)) {}
  std::string path_, stamp_;
  std::uint64_t file_bytes_;
  std::optional<MappedFile> file_;
  SafetensorsHeader header_;
};

// Writes one file, atomically. All tensors are declared first (name, dtype, shape), then their data
// follows in the declared order, in pieces of any size, so that no tensor need be whole in memory.
//
//   HADAL_TRY(auto writer, SafetensorsWriter::Create(path, {{"a", DType::kF32, {2, 3}}}));
//   HADAL_TRY_STATUS(writer.Append(bytes));   // all of a's 24 bytes, in one or more calls
//   HADAL_TRY_STATUS(writer.Finish());        // kInvalid if bytes are missing
class SafetensorsWriter {
 public:
  struct Declared {
    std::string name;
    DType dtype;
    std::vector<std::uint64_t> shape;
  };
  static Result<SafetensorsWriter> Create(const std::string& path,
                                          const std::vector<Declared>& tensors,
                                          const std::map<std::string, std::string>& metadata = {});
  Status Append(std::span<const std::byte> bytes);  // kInvalid: more than was declared
  Status Finish();

 private:
  SafetensorsWriter(AtomicFile file, std::uint64_t data_bytes)
      : file_(std::move(file)), left_(data_bytes) {}
  AtomicFile file_;
  std::uint64_t left_;
};

}  // namespace hadal::io
