// Moving something finished to its place in one step, and only over what the writer knew of.
#pragma once
#include <string>
#include <string_view>

#include "base/result.h"

namespace hadal::io {

// What lay at a path when it was looked at, or that nothing did. While this lives nothing else can
// have the same identity: two writers who both found the same old file are told apart at the end.
class Standing {
 public:
  static Standing At(const std::string& path);  // links are not followed
  static Standing Nothing() { return Standing(-1); }
  Standing(Standing&& other) noexcept;
  Standing& operator=(Standing&&) = delete;
  ~Standing();

  bool exists() const { return fd_ >= 0; }
  bool IsAt(const std::string& path) const;

 private:
  explicit Standing(int fd) : fd_(fd) {}
  int fd_;
};

enum class Kind { kFile, kFolder };

// Behind the name of `from`: what was at `to`, where changing places takes two steps and a kill
// fell between them.
inline constexpr std::string_view kReplacedSuffix = ".old";

// Moves `from` to `to`, on one file system. `before` is what was at `to` when the writer began:
// then nothing or an empty folder, which the new one covers, or something that changes places with
// it and is at `from` afterwards. kIo: something else is at `to` by now: it stays as it is, and so
// does `from`.
Status PutInPlace(const std::string& from, const std::string& to, const Standing& before,
                  Kind kind);

}  // namespace hadal::io
