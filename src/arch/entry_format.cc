#include "arch/entry_format.h"

namespace hadal::arch {
namespace {

kernels::EntryStorage StorageOf(const Numerics& numerics, bool rounded) {
  if (numerics.packed_cache) return kernels::EntryStorage::kPublished;
  return rounded ? kernels::EntryStorage::kRounded : kernels::EntryStorage::kFloat;
}

kernels::EntryForm FormOf(const Config& config) {
  return config.architecture == Architecture::kV32 ? kernels::EntryForm::kV32
                                                   : kernels::EntryForm::kV4;
}

}  // namespace

kernels::EntryFormat EntryFormatOf(const Config& config, const Numerics& numerics) {
  return {.storage = StorageOf(numerics, numerics.fp8_kv),
          .shape = {config.head_dim, config.qk_rope_head_dim},
          .form = FormOf(config),
          .rule = config.scale_rule};
}

kernels::KeyFormat KeyFormatOf(const Config& config, const Numerics& numerics) {
  return {.storage = StorageOf(numerics, numerics.quantised_indexer),
          .dim = config.index_head_dim,
          .form = FormOf(config),
          .rule = config.scale_rule};
}

}  // namespace hadal::arch
