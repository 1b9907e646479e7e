#include "kernels/select_rows.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/check.h"
#include "base/prefetch.h"
#include "kernels/packed_index_scores.h"

namespace hadal::kernels {
namespace {

// One row at work.
struct Row {
  const IndexedEntries& entries;
  const IndexQueries& queries;
  std::size_t number;

  std::size_t page_entries() const { return entries.keys.page_entries; }
  std::size_t pages() const { return (entries.visible + page_entries() - 1) / page_entries(); }
  std::size_t InPage(std::size_t page) const {
    return std::min(page_entries(), entries.visible - page * page_entries());
  }
};

// The scores of a page's visible keys. memory: scores, then decoded keys.
std::span<const float> ScorePage(const Row& row, std::size_t page, std::span<float> memory) {
  const std::size_t begin = page * row.page_entries();
  const std::span<float> scores = memory.first(row.InPage(page));
  const IndexQueries& queries = row.queries;
  const std::size_t heads = queries.w.cols(), dim = queries.format.dim;
  if (queries.packed.data() != nullptr) {
    PackedIndexScores(queries.packed[row.number].data(), heads, dim, row.entries.keys[begin],
                      scores);
    return scores;
  }
  const View2<float> keys(memory.data() + row.page_entries(), scores.size(), dim);
  for (std::size_t j = 0; j < keys.rows(); ++j)
    LoadEntry(queries.format, row.entries.keys[begin + j], keys[j]);
  IndexScores(View2<const float>(queries.q[row.number].data(), heads, dim), queries.w[row.number],
              keys, queries.rounding, scores);
  return scores;
}

// Scores pages [first, end) and keeps the best.
void KeepBest(const Row& row, std::size_t first, std::size_t end, TopK& best,
              std::span<float> memory) {
  best.Reset();
  for (std::size_t page = first; page < end; ++page) {
    // Pages lie apart in memory: no processor finds the next one by itself.
    if (page + 1 < end)
      Prefetch({row.entries.keys[(page + 1) * row.page_entries()],
                row.InPage(page + 1) * row.entries.keys.entry_bytes});
    best.Push(static_cast<std::uint32_t>(page * row.page_entries()), ScorePage(row, page, memory));
  }
}

// True if there is nothing to choose: all entries are.
bool TakesAll(const Row& row, std::span<std::uint32_t> chosen) {
  if (row.entries.visible > chosen.size()) return false;
  std::iota(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(row.entries.visible), 0u);
  return true;
}

void SelectTogether(const Row& row, std::span<std::uint32_t> chosen, std::span<TopK> best,
                    View2<float> scratch, Threads& threads) {
  if (TakesAll(row, chosen)) return;
  const std::size_t parts = threads.count();
  threads.Run(parts, [&](std::size_t part) {
    KeepBest(row, row.pages() * part / parts, row.pages() * (part + 1) / parts, best[part],
             scratch[part]);
  });
  for (std::size_t part = 1; part < parts; ++part) best[0].Push(best[part]);
  std::ranges::copy(best[0].Finish(), chosen.begin());
}

}  // namespace

std::size_t SelectScratchFloats(std::size_t page_entries, std::size_t dim) {
  return (page_entries + page_entries * dim + 15) / 16 * 16;  // begins on cache lines
}

void SelectRows(std::span<const IndexedEntries> rows, const IndexQueries& queries,
                View2<std::uint32_t> chosen, std::span<TopK> best, View2<float> scratch,
                Threads& threads) {
  HADAL_CHECK(chosen.rows() == rows.size() && queries.w.rows() == rows.size());
  HADAL_CHECK(best.size() >= threads.count() && scratch.rows() >= threads.count());
  for (const IndexedEntries& entries : rows)
    HADAL_CHECK(scratch.cols() >=
                SelectScratchFloats(entries.keys.page_entries, queries.format.dim));
  if (rows.size() == 1)
    return SelectTogether({rows[0], queries, 0}, chosen[0], best, scratch, threads);
  threads.ForEach(rows.size(), [&](std::size_t worker, std::size_t t) {
    const Row row{rows[t], queries, t};
    if (TakesAll(row, chosen[t])) return;
    KeepBest(row, 0, row.pages(), best[worker], scratch[worker]);
    std::ranges::copy(best[worker].Finish(), chosen[t].begin());
  });
}

namespace ref {

void SelectRows(std::span<const IndexedEntries> rows, const IndexQueries& queries,
                View2<std::uint32_t> chosen) {
  const std::size_t heads = queries.w.cols(), dim = queries.format.dim;
  for (std::size_t t = 0; t < rows.size(); ++t) {
    std::vector<float> memory(rows[t].visible * dim), scores(rows[t].visible);
    const View2<float> keys(memory.data(), scores.size(), dim);
    for (std::size_t j = 0; j < keys.rows(); ++j)
      LoadEntry(queries.format, rows[t].keys[j], keys[j]);
    ref::IndexScores(View2<const float>(queries.q[t].data(), heads, dim), queries.w[t], keys,
                     queries.rounding, scores);
    std::ranges::copy(ref::Best(scores, chosen.cols()), chosen[t].begin());
  }
}

}  // namespace ref
}  // namespace hadal::kernels
