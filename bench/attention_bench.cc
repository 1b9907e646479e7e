// Speed of the attention and of the indexer's scores over one token's entries, at the released
// shapes.
//
//   build/.../bench/attention_bench [--benchmark_filter=avx512]
//
// Both are checked against the reference first. "flops" counts two operations for each product.
#include <benchmark/benchmark.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/random.h"
#include "kernels/attention.h"
#include "kernels/block_quant.h"
#include "kernels/index_scores.h"
#include "kernels/isa.h"
#include "kernels/packed_index_scores.h"

namespace hadal::kernels {
namespace {

std::vector<float> Normals(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> v(count);
  for (float& x : v) x = static_cast<float>(random.Normal());
  return v;
}

bool Close(const std::vector<float>& got, const std::vector<float>& want) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    error += std::pow(double{got[i]} - double{want[i]}, 2);
    norm += std::pow(double{want[i]}, 2);
  }
  return error <= 1e-10 * norm;
}

void SetRate(benchmark::State& state, double flops) {
  using benchmark::Counter;
  state.counters["flops"] = Counter(flops, Counter::kIsIterationInvariantRate, Counter::kIs1000);
}

// One token of V4-Flash: 64 heads of 512 over the window and the chosen entries.
void Attention(benchmark::State& state, Isa isa, std::size_t entries) {
  constexpr std::size_t kHeads = 64, kDim = 512;
  SetActiveIsa(isa);
  const std::vector<float> q = Normals(kHeads * kDim, 1), kv = Normals(entries * kDim, 2),
                           sink = Normals(kHeads, 3);
  std::vector<float> max(kHeads), sum(kHeads), weighted(kHeads * kDim), out(kHeads * kDim),
      want = out;
  const View2<const float> queries(q.data(), kHeads, kDim), keys(kv.data(), entries, kDim);
  const float scale = 1 / std::sqrt(static_cast<float>(kDim));
  const auto attend = [&] {
    AttentionState of{max, sum, {weighted.data(), kHeads, kDim}};
    AttendBegin(of);
    for (std::size_t j = 0; j < entries; j += kAttentionTile)
      AttendTile(queries, keys.Rows(j, std::min(kAttentionTile, entries - j)), scale, of);
    AttendEnd(sink, of, {out.data(), kHeads, kDim});
  };
  attend();
  ref::Attend(queries, keys, scale, sink, {want.data(), kHeads, kDim});
  if (!Close(out, want)) return state.SkipWithError("differs from the reference");
  for (auto _ : state) attend();
  SetRate(state, 4.0 * static_cast<double>(kHeads * entries * kDim));
}

// One token's scores of 4,096 keys: 64 heads of 128.
void Scores(benchmark::State& state, Isa isa, Rounding rounding) {
  constexpr std::size_t kHeads = 64, kDim = 128, kKeys = 4096;
  const std::vector<float> q = Normals(kHeads * kDim, 1), keys = Normals(kKeys * kDim, 2),
                           w = Normals(kHeads, 3);
  std::vector<float> score(kKeys), want(kKeys);
  const View2<const float> queries(q.data(), kHeads, kDim), rows(keys.data(), kKeys, kDim);
  SetActiveIsa(Isa::kRef);
  IndexScores(queries, w, rows, Rounding::kNone, want);
  SetActiveIsa(isa);
  IndexScores(queries, w, rows, Rounding::kNone, score);
  if (!Close(score, want)) return state.SkipWithError("differs from the reference");
  for (auto _ : state) IndexScores(queries, w, rows, rounding, score);
  SetRate(state, 2.0 * kHeads * kDim * kKeys);
}

// The same from stored keys, in integers.
void PackedScores(benchmark::State& state, Isa isa) {
  constexpr std::size_t kHeads = 64, kDim = 128, kKeys = 4096;
  const std::vector<float> q = Normals(kHeads * kDim, 1), keys = Normals(kKeys * kDim, 2),
                           w = Normals(kHeads, 3);
  const std::size_t key_bytes = IndexKeyBytes(kDim);
  std::vector<std::byte> stored(kKeys * key_bytes);
  std::vector<float> packed(PackedIndexQueryBytes(kHeads, kDim) / 4), score(kKeys), want(kKeys);
  auto* query = reinterpret_cast<std::byte*>(packed.data());
  for (std::size_t j = 0; j < kKeys; ++j)
    EncodeIndexKey(std::span(keys).subspan(j * kDim, kDim),
                   std::span(stored).subspan(j * key_bytes, key_bytes));
  PackIndexQuery({q.data(), kHeads, kDim}, w, query);
  SetActiveIsa(Isa::kRef);
  const View2<const std::byte> queries(query, 1, 4 * packed.size());
  PackedIndexScores(queries, kHeads, kDim, stored.data(), {want.data(), 1, kKeys});
  SetActiveIsa(isa);
  const View2<float> scores(score.data(), 1, kKeys);
  PackedIndexScores(queries, kHeads, kDim, stored.data(), scores);
  if (!Close(score, want)) return state.SkipWithError("differs from the reference");
  for (auto _ : state) PackedIndexScores(queries, kHeads, kDim, stored.data(), scores);
  SetRate(state, 2.0 * kHeads * kDim * kKeys);
}

const bool kRegistered = [] {
  for (Isa isa : RunnableIsas()) {
    if (isa == Isa::kRef) continue;
    const std::string name(IsaName(isa));
    for (std::size_t entries : {128u, 640u})
      benchmark::RegisterBenchmark(
          ("Attention/entries:" + std::to_string(entries) + "/" + name).c_str(), Attention, isa,
          entries)
          ->Unit(benchmark::kMicrosecond);
    benchmark::RegisterBenchmark(("IndexScores/f32/" + name).c_str(), Scores, isa, Rounding::kNone)
        ->Unit(benchmark::kMicrosecond);
    benchmark::RegisterBenchmark(("IndexScores/bf16/" + name).c_str(), Scores, isa, Rounding::kBf16)
        ->Unit(benchmark::kMicrosecond);
    benchmark::RegisterBenchmark(("IndexScores/packed/" + name).c_str(), PackedScores, isa)
        ->Unit(benchmark::kMicrosecond);
  }
  return true;
}();

}  // namespace
}  // namespace hadal::kernels
