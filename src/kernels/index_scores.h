// The lightning indexer's scores of one token for a tile of keys, and the top-k over all tiles.
//
//   score[j] = sum_h w[h] * max(0, q[h,:] . key[j,:])
//
//   q      [heads, dim]  f32  read
//   w      [heads]       f32  read; may be negative
//   keys   [n, dim]      f32  read
//   score  [n]           f32  every element written; must not overlap the inputs
//
// Numbers  f32, dots in 16 lanes with a fixed tree, heads summed in order: a key's score depends on
//          that key alone, with the same bits from every vector instruction set. kBf16 rounds the
//          dot, the product and the sum to bfloat16, as the official bfloat16 code does.
// Error    (heads + dim/16 + 8) * 2^-24 * sum_h |w[h]| sum_d |q key|, without kBf16.
// Caller   shapes agree: HADAL_CHECK.
// Source   DeepSeek-V4 inference/model.py, Indexer.forward.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/rounding.h"
#include "tensor/view.h"

namespace hadal::kernels {

void IndexScores(View2<const float> q, std::span<const float> w, View2<const float> keys,
                 Rounding rounding, std::span<float> score);

// Keeps the k best of a stream of scores in O(k) memory. Equal scores: the lower position wins, so
// the result does not depend on how the stream is cut. A NaN counts as the worst score.
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

namespace ref {
void IndexScores(View2<const float> q, std::span<const float> w, View2<const float> keys,
                 Rounding rounding, std::span<float> score);  // f64 sums, rounded once
// The positions of the k best, ascending: what a TopK keeps of all of them.
std::vector<std::uint32_t> Best(std::span<const float> scores, std::size_t k);
}  // namespace ref

}  // namespace hadal::kernels
