// Folders that are made, and one of files that appears whole or not at all: they are written to
// a folder with a name of its own beside it (temporary.h), which Commit() puts in PATH's place.
// Destroyed without Commit, or where that fails: PATH is untouched and nothing is left.
#pragma once
#include <string>
#include <utility>

#include "base/result.h"
#include "io/temporary.h"

namespace hadal::io {

// And those above it, where they are not there. kIo.
Status MakeFolder(const std::string& path);

class AtomicFolder {
 public:
  // PATH must not exist, or be an empty folder; or, with `replace`, a folder that holds config.json
  // and nothing but a model's files (*.json, *.safetensors), which Commit then removes. kInvalid
  // otherwise.
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
