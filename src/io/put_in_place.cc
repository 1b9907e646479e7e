#include "io/put_in_place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "io/system_error.h"

namespace hadal::io {
namespace {

Error Lost(const std::string& to) {
  return Fail(Code::kIo, "{}: something else was written there meanwhile; it stays as it is", to);
}

bool Rename(const std::string& from, const std::string& to, unsigned how) {
  return renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), how) == 0;
}

// Not every file system knows the ways of renaming other than the plain one.
bool Unknown(int number) { return number == EINVAL || number == ENOSYS; }

bool NothingAt(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) != 0 && errno == ENOENT;
}

// False, with errno, if anything is at `to`.
bool MoveToNothing(const std::string& from, const std::string& to, Kind kind) {
  // A folder covers an empty folder at most, whatever the file system.
  if (kind == Kind::kFolder) return Rename(from, to, 0);
  if (Rename(from, to, RENAME_NOREPLACE)) return true;
  if (!Unknown(errno)) return false;
  if (link(from.c_str(), to.c_str()) == 0) return unlink(from.c_str()) == 0;
  if (errno == EEXIST) return false;
  if (!NothingAt(to)) return errno = EEXIST, false;
  return Rename(from, to, 0);  // no links either: a moment remains that another writer could use
}

// Two steps, where one cannot be had: a kill between them leaves the old and the new one, both
// beside `to`.
Status ExchangeInSteps(const std::string& from, const std::string& to, const Standing& before) {
  if (!before.IsAt(to)) return Lost(to);
  const std::string old = from + std::string(kReplacedSuffix);
  if (!Rename(to, old, 0)) return SystemError(to, "replace it");
  if (!Rename(from, to, 0)) {
    const Error error = SystemError(to, "write it");
    Rename(old, to, 0);
    return error;
  }
  if (!Rename(old, from, 0)) return SystemError(old, "move it out of the way");
  return Unit{};
}

}  // namespace

Standing Standing::At(const std::string& path) {
  return Standing(open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

Standing::Standing(Standing&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Standing::~Standing() {
  if (fd_ >= 0) close(fd_);
}

bool Standing::IsAt(const std::string& path) const {
  struct stat mine {
  }, found{};
  return fd_ >= 0 && fstat(fd_, &mine) == 0 && lstat(path.c_str(), &found) == 0 &&
         mine.st_dev == found.st_dev && mine.st_ino == found.st_ino;
}

Status PutInPlace(const std::string& from, const std::string& to, const Standing& before,
                  Kind kind) {
  if (!before.exists() || NothingAt(to) || kind == Kind::kFolder) {
    if (MoveToNothing(from, to, kind)) return Unit{};
    if (errno != EEXIST && errno != ENOTEMPTY) return SystemError(to, "write it");
    if (!before.exists()) return Lost(to);
  }
  if (Rename(from, to, RENAME_EXCHANGE)) {
    if (before.IsAt(from)) return Unit{};
    Rename(from, to, RENAME_EXCHANGE);
    return Lost(to);
  }
  if (!Unknown(errno)) return SystemError(to, "replace it");
  return ExchangeInSteps(from, to, before);
}

}  // namespace hadal::io
