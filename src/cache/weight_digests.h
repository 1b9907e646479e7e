// Digests of a checkpoint's weight files, kept in a small file beside them: large ones are read
// once, whichever folder of states is named (docs/formats/cache.md).
//
//   {"format": "hadal-digests", "version": 1, "check": "0123456789abcdef0123456789abcdef",
//    "files": {"model.safetensors": {"stamp": "size times device:inode", "digest": "..."}, ..}}
//
// A digest holds for a file whose stamp (io/file_stamp.h, without the path) is what it was. What is
// no such file, or damaged, says nothing, and is written anew. One thread.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "io/digest.h"

namespace hadal::cache {

inline constexpr std::string_view kWeightDigestsName = "hadal-digests.json";

class WeightDigests {
 public:
  // Of a checkpoint's folder: what is there, or nothing.
  static WeightDigests Beside(const std::string& folder);

  // path, stamp: of a file of that folder, as io::FileStamp.
  std::optional<io::Digest> Of(const std::string& path, const std::string& stamp) const;
  // kIo, kNotFound, kExhausted: the folder cannot be written, or another program was faster.
  Status Keep(const std::string& path, const std::string& stamp, const io::Digest& digest);

 private:
  struct Known {
    std::string stamp;
    io::Digest digest;
  };
  explicit WeightDigests(std::string folder) : folder_(std::move(folder)) {}
  bool Read(const Json& json);
  Json ToJson() const;
  io::Digest Check() const;  // of all that is known
  std::string NameOf(const std::string& path) const;
  std::string File() const;

  std::string folder_;
  std::map<std::string, Known> known_;  // by name in the folder
};

}  // namespace hadal::cache
