#include "io/system_error.h"

#include <cerrno>
#include <cstring>

namespace hadal::io {

Error SystemError(const std::string& path, const char* action) {
  const int number = errno;
  Code code = Code::kIo;
  if (number == ENOENT || number == ENOTDIR) code = Code::kNotFound;
  if (number == ENOSPC || number == EDQUOT || number == EFBIG || number == ENOMEM)
    code = Code::kExhausted;
  return Fail(code, "{}: cannot {}: {}", path, action, std::strerror(number));
}

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace hadal::io
