#include "cli/disk_cache_flags.h"

#include <memory>
#include <optional>

#include "base/log.h"
#include "base/progress.h"
#include "base/quote.h"
#include "base/units.h"
#include "cli/flags.h"

namespace hadal::cli {

void AddDiskCacheFlags(Command app, engine::DiskCacheOptions* options) {
  app.AddOption(
      "--cache-dir", options->folder,
      "a folder, on a disk of this machine, where states of texts that were read, and a "
      "server's calls of tools, outlive the program, for whoever names it next; the "
      "model's weights are read once, whole, for their digest, which is kept beside them");
  app.AddOption(
         "--cache-disk", options->limit_bytes,
         "bytes of states in that folder, if the disk has room for so many; what was used longest "
         "ago goes (default: 100 GB)")
      .Check(Size(1));
}

engine::DiskCacheOptions DiskCacheWith(const engine::DiskCacheOptions& flags,
                                       const std::atomic<bool>& cancel) {
  engine::DiskCacheOptions options = flags;
  const auto progress = std::make_shared<std::optional<Progress>>();
  options.on_reading = [progress](std::uint64_t done, std::uint64_t all) {
    if (!*progress) progress->emplace("reading the weights for their digest", all);
    const auto rate = static_cast<std::uint64_t>((*progress)->PerSecond(done));
    (*progress)->Set(done, FormatBytes(rate) + "/s");
    if (done == all) progress->reset();
  };
  options.on_note = [](std::string_view note) { spdlog::warn("cache {}", OneLine(note)); };
  options.cancel = &cancel;
  return options;
}

}  // namespace hadal::cli
