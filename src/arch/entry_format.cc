#include "arch/entry_format.h"

namespace hadal::arch {
namespace {

kernels::EntryStorage StorageOf(const Numerics& numerics, bool rounded) {
  if (numerics.packed_cache) return kernels::EntryStorage::kPublished;
  return rounded ? kernels::EntryStorage::kRounded : kernels::EntryStorage::kFloat;
}

}  // namespace

kernels::EntryFormat EntryFormatOf(const Config& config, const Numerics& numerics) {
  return {StorageOf(numerics, numerics.fp8_kv), {config.head_dim, config.qk_rope_head_dim}};
}

kernels::KeyFormat KeyFormatOf(const Config& config, const Numerics& numerics) {
  return {StorageOf(numerics, numerics.quantised_indexer), config.index_head_dim};
}

}  // namespace hadal::arch
