#include "io/place.h"

#include <algorithm>
#include <array>
#include <span>

#include "io/file.h"
#include "io/input_file.h"

namespace hadal::io {

Status CheckWritable(const std::string& path) {
  const auto file = AtomicFile::Create(path);
  return file.ok() ? Status(Unit{}) : Status(file.error());
}

Status CheckKind(const std::string& path, const FileKind& kind) {
  const auto file = InputFile::Open(path);
  if (!file.ok()) return file.error().code == Code::kNotFound ? Status(Unit{}) : file.error();
  std::array<char, kKindBytes> buffer;
  const std::size_t bytes = std::min<std::uint64_t>(file->bytes(), buffer.size());
  HADAL_TRY_STATUS(file->Read(0, std::as_writable_bytes(std::span(buffer).first(bytes))));
  if (bytes == 0 || kind.begins({buffer.data(), bytes})) return Unit{};
  return Fail(Code::kInvalid, "{}: found a file that is not {}, expected nothing or {}", path,
              kind.name, kind.name);
}

}  // namespace hadal::io
