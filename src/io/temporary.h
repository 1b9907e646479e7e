// A file or folder that is being written, under a name of its own beside the place where it will
// be.
//
// The name, NAME.0123456789abcdef.tmp, is drawn at random and made exclusively: what else lies in
// the folder is neither opened nor removed, and two writers of one place do not meet before the
// end. There the first one wins (put_in_place.h).
//
// Unless it was put in place, a temporary goes with its object; after RemoveTemporariesOnSignals
// also when a signal ends the program. Any thread may make them.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "io/put_in_place.h"

namespace hadal::io {

class Temporary {
 public:
  // `target` is where it will be. kNotFound, kIo, kExhausted: the folder cannot be written. A file
  // is open for writing; `access` is who may read and write it, less the process's umask.
  static Result<Temporary> MakeFile(const std::string& target, int* fd, unsigned access = 0666);
  // Without `replace` it never covers more than nothing or an empty folder.
  static Result<Temporary> MakeFolder(const std::string& target, bool replace);
  Temporary(Temporary&& other) noexcept;
  Temporary& operator=(Temporary&&) = delete;
  ~Temporary();

  const std::string& path() const { return path_; }
  const std::string& target() const { return target_; }

  // To the target, over what was there when this was made, which is removed. As PutInPlace.
  Status PutInPlace();

 private:
  Temporary(std::string path, std::string target, Kind kind, Standing before)
      : path_(std::move(path)),
        target_(std::move(target)),
        kind_(kind),
        before_(std::move(before)) {}
  static Result<Temporary> Make(const std::string& target, Kind kind, Standing before,
                                unsigned access, int* fd);
  void Remove();

  std::string path_;  // empty once there is nothing to remove
  std::string target_;
  Kind kind_;
  Standing before_;
};

// The name whose temporary `name` is: "a.txt" of "a.txt.0123456789abcdef.tmp".
std::optional<std::string_view> TargetOfTemporary(std::string_view name);

// Whether a program that was killed while it wrote may have left it: a temporary, or what one was
// about to replace (put_in_place.h).
bool IsLeftOver(std::string_view name);

// From main, once: SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM and SIGXCPU remove all temporaries and
// then end the program as they would have, unless they are ignored. Writing beyond a limit on file
// sizes (SIGXFSZ) is an error and no signal.
void RemoveTemporariesOnSignals();

}  // namespace hadal::io
