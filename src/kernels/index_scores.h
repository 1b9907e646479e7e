// The lightning indexer's scores of one token for a tile of keys, and the top-k over all tiles.
//
//   score[j] = sum_h w[h] * max(0, q[h,:] . key[j,:])
//
//   q      [heads, dim]  f32  read
//   w      [heads]       f32  read; may be negative
//   keys   [n, dim]      f32  read
//   score  [n]           f32  every element written
//
// Numbers  f32, dots in 16 lanes with a fixed tree, heads summed in order. Bf16 rounds the dot, the
//          product and the sum to bfloat16, as the official bfloat16 code does.
// Source   DeepSeek-V4 inference/model.py, Indexer.forward.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tensor/view.h"

namespace hadal::kernels {

enum class Rounding { kNone, kBf16 };

void IndexScores(View2<const float> q, std::span<const float> w, View2<const float> keys,
                 Rounding rounding, std::span<float> score);

// The same with FP4 queries and keys as stored (block_quant.h, EncodeIndexKey), in integers: every dot is
// exact in each block of 32 channels, and the blocks are added in order in float32.
// Same bits from every vector instruction set.
inline constexpr std::size_t kPackedIndexDim = 1024;  // at most
std::size_t PackedIndexQueryBytes(std::size_t dim);   // of one head
// Rounds a head's query to FP4 and stores it. out [PackedIndexQueryBytes], 4-byte aligned.
void PackIndexQuery(std::span<const float> head, std::byte* out);
// q [heads, PackedIndexQueryBytes(dim)]; keys [score.size()], each IndexKeyBytes(dim),
// one behind the other.
void PackedIndexScores(const std::byte* q, std::size_t dim, std::span<const float> w,
                       const std::byte* keys, std::span<float> score);

// Keeps the k best of a stream of scores in O(k) memory. Equal scores: the lower position wins, so the
// result does not depend on how the stream is cut.
class TopK {
 public:
  explicit TopK(std::size_t k);
  void Reset();
  void Push(std::uint32_t first_position, std::span<const float> scores);
  void Push(const TopK& other);  // what it would keep
  // The chosen positions, ascending; valid until the next call.
  std::span<const std::uint32_t> Finish();

 private:
  struct Candidate {
    float score;
    std::uint32_t position;
  };
  void Prune();
  std::size_t k_;
  float worst_kept_;
  std::vector<Candidate> candidates_;
  std::vector<std::uint32_t> chosen_;
};

}  // namespace hadal::kernels
