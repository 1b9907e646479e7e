// One directory of the golden format, read and checked: a small checkpoint's prompt, the tokens
// that decoding is forced to take, and what the official code gives for them in up to three numeric
// variants.
//
//   expected.safetensors  input_ids, next_ids, positions, and "<variant>.<what>" tensors
//   trace.safetensors     optional; only "<variant>.layer_io" is used
//   case.json             optional; its name, and the noise that was measured when it was made
//
// L layers, C of them with an indexer (V4: CSA), E with experts, V vocabulary, S prompt, T decode
// steps, Q, P and R positions, k experts a token; a residual stream has stream_dim numbers.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "arch/config.h"
#include "base/json.h"
#include "base/result.h"

namespace hadal::eval {

// Row-major values with their shape; no values and no shape: the file does not have it.
template <class T>
struct GoldenArray {
  std::vector<std::size_t> shape;
  std::vector<T> values;
  bool empty() const { return shape.empty(); }
};

struct GoldenVariant {
  GoldenArray<float> prefill_logits;              // [Q, V]
  GoldenArray<float> decode_logits;               // [T, V]
  GoldenArray<float> mtp_prefill_logits_tail;     // [n, V]: MTP positions S-1-n .. S-2
  GoldenArray<float> mtp_decode_logits;           // [T, V]: MTP positions S-1 .. S-2+T
  GoldenArray<float> hidden;                      // [L+1, P, stream]
  GoldenArray<std::int64_t> gate_ids;             // [E, R, k]
  GoldenArray<float> gate_weights;                // [E, R, k]
  GoldenArray<std::int64_t> indexer_topk;         // [C, R, topk]; -1: none
  GoldenArray<float> indexer_margin;              // [C, R]
  GoldenArray<float> gate_margin;                 // [score-routed layers, R]
  GoldenArray<std::int64_t> decode_gate_ids;      // [E, T, k]
  GoldenArray<std::int64_t> decode_indexer_topk;  // [C, T, topk]
  GoldenArray<float> layer_io;                    // [L+1, N, stream]
};

struct GoldenCase {
  std::string name, directory;
  std::vector<std::int32_t> prompt, next;         // S >= 1, T >= 0
  std::vector<std::size_t> prefill_positions;     // Q
  std::vector<std::size_t> hidden_positions;      // P
  std::vector<std::size_t> selection_positions;   // R; where the file has none, all of the prompt
  std::vector<std::int32_t> layer_io_tokens;      // N; V3.2: the first of the prompt
  std::map<std::string, GoldenVariant> variants;  // "f32", "f32q", "bf16"; at least one
  Json report;                                    // case.json's "report"; null without it
  std::vector<std::string> notes = {};            // what was passed over, a line each
};

inline constexpr std::string_view kGoldenVariants[] = {"f32", "f32q", "bf16"};

// kNotFound, kCorrupt: one line with file and tensor.
Result<GoldenCase> ReadGoldenCase(const std::string& directory, const arch::Config& config);

// Whether a directory holds such a case.
bool IsGoldenCase(const std::string& directory);

// A case is called as its folder.
std::string GoldenCaseName(const std::string& directory);

}  // namespace hadal::eval
