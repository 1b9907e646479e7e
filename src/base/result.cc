#include "base/result.h"

namespace hadal {

const char* CodeName(Code code) {
  switch (code) {
    case Code::kInvalid:
      return "invalid";
    case Code::kNotFound:
      return "not found";
    case Code::kCorrupt:
      return "corrupt";
    case Code::kIo:
      return "io";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kExhausted:
      return "exhausted";
    case Code::kCancelled:
      return "cancelled";
  }
  return "?";
}

Error Within(const std::string& place, const Error& error) {
  return Error{error.code, place + ": " + error.what};
}

}  // namespace hadal
