// Which roundings a forward pass makes. Weights always mean exactly what their file says.
// docs/numerics.md describes every point and its measured cost.
#pragma once
#include <optional>
#include <string_view>

namespace hadal::arch {

struct Numerics {
  bool bf16_activations = false;  // round to bfloat16 wherever the official code holds bfloat16
  bool fp8_linear_inputs =
      false;  // quantise the inputs of FP8 and FP4 weights, 128 channels a block
  // Cache entries: NoPE channels FP8, 64 a block in V4, 128 in V3.2, whose rotary ones are
  // bfloat16.
  bool fp8_kv = true;
  // Indexer queries and keys: V4 FP4, 32 channels a block; V3.2 FP8, 128 a block.
  bool quantised_indexer = true;
  // Entries as published (584 and 68 bytes; V3.2: 656 and 132); false: float32.
  bool packed_cache = true;
  // Inputs of FP8 and FP4 weights as integers with a scale a block (kernels/quantized_row.h).
  bool integer_inputs = true;

  // The default: float32 activations, finer at the weights than FP8, entries as published.
  static Numerics Stored() { return {}; }
  // The golden variants: nothing rounded; every quantisation but no bfloat16; the official code.
  static Numerics F32() {
    return {.fp8_kv = false,
            .quantised_indexer = false,
            .packed_cache = false,
            .integer_inputs = false};
  }
  static Numerics F32q() {
    return {.fp8_linear_inputs = true, .packed_cache = false, .integer_inputs = false};
  }
  static Numerics Bf16() {
    return {.bf16_activations = true, .fp8_linear_inputs = true, .integer_inputs = false};
  }
  static std::optional<Numerics> FromName(std::string_view name);  // stored, f32, f32q, bf16
};

}  // namespace hadal::arch
