// Folders that are made: for good, for files written one by one (OutFolder), and one that appears
// whole or not at all (AtomicFolder): its files are written to a folder with a name of its own
// beside it (temporary.h), which Commit() puts in PATH's place. Destroyed without Commit, or where
// that fails: PATH is untouched and nothing is left.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "io/temporary.h"

namespace hadal::io {

// And those above it, where they are not there. kIo.
Status MakeFolder(const std::string& path);

// A folder for files that are written one by one. It is made if it is not there, and goes again, as
// do those above it that were made with it, if it is still empty when this ends.
class OutFolder {
 public:
  // kIo: it cannot be made.
  static Result<OutFolder> Make(const std::string& path);
  OutFolder(OutFolder&& other) noexcept : made_(std::exchange(other.made_, {})) {}
  OutFolder& operator=(OutFolder&&) = delete;
  ~OutFolder();

 private:
  OutFolder() = default;
  std::vector<std::string> made_;  // the innermost first
};

class AtomicFolder {
 public:
  // PATH must not exist, or be an empty folder; or, with `replace`, a folder that holds config.json
  // and nothing but files of a model's own names (config.json, model-00001-of-00002.safetensors,
  // tokenizer.json, LICENSE, ...), which Commit then removes. kInvalid otherwise.
  static Result<AtomicFolder> Create(const std::string& path, bool replace);

  // Where to write the file `name` until Commit.
  std::string File(const std::string& name) const { return temporary_.path() + "/" + name; }
  // kInvalid: what is at PATH by now may not be replaced. kIo: another writer was there first.
  Status Commit();

 private:
  AtomicFolder(Temporary temporary, bool replace)
      : temporary_(std::move(temporary)), replace_(replace) {}
  Temporary temporary_;
  bool replace_;
};

}  // namespace hadal::io
