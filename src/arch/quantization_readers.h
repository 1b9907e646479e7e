// The readers of quantisation entries that list modules; for arch/quantization.cc alone. Each puts
// what it read into *rules, or its error into the fields.
#pragma once
#include "arch/config_fields.h"
#include "arch/quantization.h"

namespace hadal::arch {

inline constexpr std::size_t kMaxGroup = std::size_t{1} << 17;  // numbers with one scale

// A list of modules that are not quantised.
void ReadKept(Fields& entry, const char* key, StorageRules* rules);
void NoteKvScales(const Fields& entry, StorageRules* rules);

void ReadModelopt(Fields& entry, StorageRules* rules);
void ReadModeloptFile(Fields& file, StorageRules* rules);  // hf_quant_config.json
// {"<module>": {"quant_algo": "NVFP4", "group_size": 16}, ...}
void ReadQuantizedLayers(Fields& entry, StorageRules* rules);

void ReadCompressedTensors(Fields& entry, StorageRules* rules);

}  // namespace hadal::arch
