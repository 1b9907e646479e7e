#include "engine/disk_cache.h"

#include <utility>

#include "cache/model_digest.h"

namespace hadal::engine {

Result<std::shared_ptr<cache::DiskPrefixes>> OpenDiskCache(const model::Model& model,
                                                           const std::string& model_name,
                                                           const DiskCacheOptions& options) {
  using cache::SegmentStore;
  if (options.folder.empty()) return std::shared_ptr<cache::DiskPrefixes>();
  std::string note;
  HADAL_TRY(SegmentStore reading, SegmentStore::Open(options.folder, true, &note));
  HADAL_TRY(SegmentStore writing, SegmentStore::Open(options.folder, true, &note));
  if (!note.empty() && options.on_note) options.on_note(note);
  const arch::Numerics numerics = arch::Numerics::Stored();
  const arch::KvLayout layout(model.config, numerics);
  HADAL_TRY(const io::Digest digest,
            cache::ModelDigest(model, numerics, layout, reading,
                               {.on_reading = options.on_reading, .cancel = options.cancel}));
  HADAL_TRY(std::unique_ptr<cache::DiskPrefixes> disk,
            cache::DiskPrefixes::Open(std::move(reading), std::move(writing), digest, layout,
                                      {.limit_bytes = options.limit_bytes,
                                       .model_name = model_name,
                                       .on_note = options.on_note,
                                       .even_if_slower = options.even_if_slower,
                                       .before_reading = options.before_reading}));
  return std::shared_ptr<cache::DiskPrefixes>(std::move(disk));
}

}  // namespace hadal::engine
