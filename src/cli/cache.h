// `hadal cache`: what the folders of --cache-dir hold. The work, apart from its flags.
#pragma once
#include <cstddef>
#include <optional>
#include <ostream>
#include <string>

#include "base/result.h"

namespace hadal::cli {

struct CacheOptions {
  std::string folder;
  bool json = false;
  // Of `rm`, one of them: everything; of one model; what was not used for so many days.
  bool all = false;
  std::string model = {};
  std::optional<std::size_t> unused_days = {};
};

// All: kNotFound: no such folder; kInvalid: another's.
Status ListCache(const CacheOptions& options, std::ostream& out);     // its states
Status CacheFigures(const CacheOptions& options, std::ostream& out);  // `stats`: by model
Status CheckRemoval(const CacheOptions& options);  // kInvalid: nothing is named to be removed
Status RemoveFromCache(const CacheOptions& options, std::ostream& out);
// Reads every byte. What is broken, and files that belong to nothing, are removed. kCorrupt: some
// were broken. Where nothing may be written the broken are only counted, and the others not looked
// for.
Status VerifyCache(const CacheOptions& options, std::ostream& out);

}  // namespace hadal::cli
