// Where a file is to be written that the user has named: looked at before the work whose result
// goes there.
#pragma once
#include <string>
#include <string_view>

#include "base/result.h"

namespace hadal::io {

// What a program writes, known by the file's first kKindBytes bytes.
struct FileKind {
  const char* name;  // "a snapshot"
  bool (*begins)(std::string_view start);
};
inline constexpr std::size_t kKindBytes = 4096;

// As AtomicFile::Create; nothing is left of it.
Status CheckWritable(const std::string& path);

// kInvalid: a file of another kind is there. One without a byte is of any kind.
Status CheckKind(const std::string& path, const FileKind& kind);

}  // namespace hadal::io
