// What a model costs, as two lists of terms: its weights, and the entries that it keeps of a text.
// Every figure about memory, arithmetic and traffic is a sum over these lists, so that an
// allocator, a planner and a page of JavaScript can compute the same.
//
//   entries(N)  = min(max_entries, floor(N / tokens_per_entry))   kept of N tokens, one layer
//   reads(N)    = min(max_read, entries(N))                       attended by token N, one layer
//   KV bytes(N) = sum over kv: layers * entry_bytes[format] * entries(N)
//   MACs(N)     = sum over weights: macs + sum over kv: layers * macs_per_read * reads(N)
//   traffic(N)  = sum over weights: active_bytes + sum over kv: layers * entry_bytes * reads(N)
//
// N counts the tokens of the context with the new one in it. A maximum of 0 means that there is
// none. Multiplications and additions of one product term are one MAC, two FLOPs. Counted are
// matrix products, attention's two products per entry and the indexer's scores; norms, rotations,
// softmax, pooling and the other element-wise work are not. Terms of the MTP block are marked and
// left out unless asked for.
//
// Pure arithmetic on 64-bit integers: no rounding, no overflow within the bounds that the readers
// of configs check. Source: arch/inventory.h and arch/kv_layout.h for DeepSeek-V4; docs/plan.md.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hadal::cost {

enum class Component {
  kEmbedding,
  kAttention,  // projections and sinks
  kAttentionCore,
  kCompressors,
  kIndexer,  // with its own compressor
  kIndexScores,
  kExperts,  // routed
  kSharedExperts,
  kFeedForward,  // of layers without experts
  kRouter,
  kHyperConnections,
  kNorms,
  kHead,
  kMtp,
  kOther,  // in a checkpoint's files, and no part of the model that its config describes
};
inline constexpr std::size_t kComponents = 15;
const char* ComponentName(Component component);  // "attention projections"
const char* ComponentKey(Component component);   // "attention", in JSON

// What kind of product a MAC belongs to: accountings (cost/accounting.h) weigh these.
enum class Work {
  kNone,        // looked up or element-wise: no MACs
  kFp8Matrix,   // FP8 weight, FP8 input
  kFp4Experts,  // FP4 weight, FP8 input
  // BF16 or FP32 weight: router, head, mixing, indexer weights; all of a BF16 model; and integer
  // weights, which are multiplied in 16 bits
  kBf16Matrix,
  kCompressor,     // BF16 weight, FP32 in the official code
  kOutputA,        // wo_a: FP8 in the file, BF16 in the official code
  kAbsorbed,       // V3's W_UK and W_UV in decoding
  kCoreAttention,  // queries with entries, probabilities with entries
  kIndexFp4,       // indexer scores
  kIndexFp8,
};
inline constexpr std::size_t kWorks = 10;
const char* WorkKey(Work work);  // "fp8_matrix", in JSON

// In which form entries are kept; docs/plan.md has the bytes of each.
enum class KvFormat {
  kPublished,   // what the released kernels keep: scales and padding with the codes
  kPayload,     // the codes alone
  kFp8Indexer,  // published, but V4's index keys as V3.2's
  kUnpadded,    // published, without the padding byte
  kBf16,        // everything BF16
  kBf16Main,    // entries BF16, index keys as published
};
inline constexpr std::size_t kKvFormats = 6;
const char* KvFormatName(KvFormat format);  // "published", "fp8-indexer"

struct WeightGroup {      // tensors of one name in all layers (and experts)
  std::string name = {};  // "attn.wq_a"
  Component component = Component::kAttention;
  Work work = Work::kNone;
  std::uint64_t tensors = 0, parameters = 0, bytes = 0;
  std::uint64_t by_token = 0;  // of `tensors`, in layers that route by the token's id
  // Of those, what one token passes through: all, its experts, or its row.
  std::uint64_t active_parameters = 0, active_bytes = 0;
  std::uint64_t macs = 0;   // a token
  bool for_logits = false;  // only where logits are asked for: in prefill, once
};

struct KvGroup {          // entries of one kind
  std::string name = {};  // "CSA entries"
  std::string key = {};   // "csa", in JSON
  Component component = Component::kAttentionCore;
  Work work = Work::kCoreAttention;
  std::uint64_t layers = 0, by_token = 0;  // by_token: of those, that route by the token's id
  std::uint64_t tokens_per_entry = 1, max_entries = 0, max_read = 0;
  std::uint64_t macs_per_read = 0;
  std::uint64_t prefill_macs_per_read = 0;  // the same, but for V3, which decompresses in prefill
  std::array<std::uint64_t, kKvFormats> entry_bytes = {};

  std::uint64_t Entries(std::uint64_t tokens) const;
  std::uint64_t Reads(std::uint64_t tokens) const;
  // Reads(first + 1) + ... + Reads(first + count)
  std::uint64_t ReadsOver(std::uint64_t first, std::uint64_t count) const;
  std::uint64_t Bytes(KvFormat format) const { return entry_bytes[std::size_t(format)]; }
  bool mtp() const { return component == Component::kMtp; }
};

struct CostModel {
  std::string name = {};          // for people: "V4-Flash"
  std::string architecture = {};  // model_type
  std::uint64_t layers = 0, hidden_size = 0, vocab_size = 0, max_context = 0;
  std::uint64_t experts = 0, experts_per_token = 0;  // routed; 0: none
  std::vector<WeightGroup> weights = {};
  std::vector<KvGroup> kv = {};
  std::uint64_t tail_bytes = 0;         // a sequence's pooling candidates, float32, fixed
  std::vector<std::string> notes = {};  // what was derived and not said by the config
  bool formats_guessed = false;         // of weights: the config's account of them is not known
  bool weight_bytes_shared = false;     // of tensors that are not here: shares of a known sum
};

enum class Mtp { kWithout, kWith };

struct Parameters {
  std::uint64_t total = 0, mtp = 0;         // total: without MTP
  std::uint64_t active = 0;                 // without the embedding
  std::uint64_t active_with_embedding = 0;  // with all of the embedding, as some papers count
};
Parameters ParametersOf(const CostModel& model);
std::uint64_t WeightBytes(const CostModel& model, Mtp mtp = Mtp::kWith);
std::array<std::uint64_t, kComponents> WeightBytesByComponent(const CostModel& model);

std::uint64_t KvBytes(const CostModel& model, std::uint64_t tokens,
                      KvFormat format = KvFormat::kPublished, Mtp mtp = Mtp::kWithout);
// The limit of KvBytes(N) / N as N grows: 0 where every layer has a window.
double KvBytesPerToken(const CostModel& model, KvFormat format = KvFormat::kPublished);
// What does not grow: the bytes of the windows, once they are full.
std::uint64_t KvFixedBytes(const CostModel& model, KvFormat format = KvFormat::kPublished);

using MacsByWork = std::array<std::uint64_t, kWorks>;
using MacsByComponent = std::array<std::uint64_t, kComponents>;
MacsByWork DecodeMacs(const CostModel& model, std::uint64_t tokens);
MacsByComponent DecodeMacsByComponent(const CostModel& model, std::uint64_t tokens);
// Of `count` tokens after `first` others, with logits for the last one only.
MacsByWork PrefillMacs(const CostModel& model, std::uint64_t first, std::uint64_t count);

// Read from memory to decode one token alone: weights it passes through, entries it attends.
std::uint64_t ActiveWeightBytes(const CostModel& model);
std::uint64_t KvBytesRead(const CostModel& model, std::uint64_t tokens,
                          KvFormat format = KvFormat::kPublished);
using BytesByComponent = std::array<std::uint64_t, kComponents>;
BytesByComponent BytesReadByComponent(const CostModel& model, std::uint64_t tokens,
                                      KvFormat format = KvFormat::kPublished);

// Expected number of a layer's experts that at least one of `batch` tokens is sent to, if every
// token draws experts_per_token distinct ones evenly: experts * (1 - (1 - k/experts)^batch).
double DistinctExperts(const CostModel& model, double batch);
std::uint64_t ExpertBytes(const CostModel& model);        // all routed experts of all layers
std::uint64_t ActiveExpertBytes(const CostModel& model);  // of one token
// Read from memory by a pass of `rows` tokens, each with a context of `tokens`: the common weights
// once, the distinct experts, every row's entries.
double PassBytes(const CostModel& model, std::uint64_t tokens, double rows);

}  // namespace hadal::cost
