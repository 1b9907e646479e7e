#include "kernels/select_rows.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/check.h"
#include "base/prefetch.h"
#include "kernels/packed_index_scores.h"

namespace hadal::kernels {
namespace {

// Rows that see the same keys, each from its first one: keys are read and decoded once for all.
struct Rows {
  std::span<const IndexedEntries> rows;
  const IndexQueries& queries;
  std::size_t first;  // the number of the first among the queries

  const PagedEntries& keys() const { return rows[0].keys; }
  std::size_t visible() const {
    return std::ranges::max_element(rows, {}, &IndexedEntries::visible)->visible;
  }
  std::size_t pages() const { return PagesOf(visible()); }
  std::size_t PagesOf(std::size_t entries) const {
    return (entries + keys().page_entries - 1) / keys().page_entries;
  }
  // Of a page's keys, how many a row with so many visible ones sees.
  std::size_t InPage(std::size_t page, std::size_t of) const {
    const std::size_t begin = page * keys().page_entries;
    return of <= begin ? 0 : std::min(keys().page_entries, of - begin);
  }
};

// The scores of a page's keys for all rows. memory: scores, then decoded keys.
View2<const float> ScorePage(const Rows& r, std::size_t page, std::span<float> memory) {
  const std::size_t count = r.InPage(page, r.visible()), each = r.keys().page_entries;
  const std::size_t begin = page * each, number = r.rows.size();
  const View2<float> scores(memory.data(), number, count, each);
  const IndexQueries& queries = r.queries;
  const std::size_t heads = queries.w.cols(), dim = queries.format.dim;
  if (queries.packed.data() != nullptr) {
    PackedIndexScores(queries.packed.Rows(r.first, number), heads, dim, r.keys()[begin], scores);
    return scores;
  }
  const View2<float> keys(memory.data() + SelectRowsTogether(heads, dim) * each, count, dim);
  for (std::size_t j = 0; j < count; ++j) LoadEntry(queries.format, r.keys()[begin + j], keys[j]);
  for (std::size_t t = 0; t < number; ++t)
    IndexScores(View2<const float>(queries.q[r.first + t].data(), heads, dim),
                queries.w[r.first + t], keys, queries.rounding, scores[t]);
  return scores;
}

// Scores pages [first, end) and keeps each row's best.
void KeepBest(const Rows& r, std::size_t first, std::size_t end, std::span<TopK> best,
              std::span<float> memory) {
  for (std::size_t t = 0; t < r.rows.size(); ++t) best[t].Reset();
  const std::size_t visible = r.visible();
  for (std::size_t page = first; page < end; ++page) {
    const std::size_t begin = page * r.keys().page_entries;
    // Pages lie apart in memory: no processor finds the next one by itself.
    if (page + 1 < end)
      Prefetch({r.keys()[begin + r.keys().page_entries],
                r.InPage(page + 1, visible) * r.keys().entry_bytes});
    const View2<const float> scores = ScorePage(r, page, memory);
    for (std::size_t t = 0; t < r.rows.size(); ++t)
      best[t].Push(static_cast<std::uint32_t>(begin),
                   scores[t].first(r.InPage(page, r.rows[t].visible)));
  }
}

// True if there is nothing to choose: all entries are.
bool TakesAll(const IndexedEntries& row, std::span<std::uint32_t> chosen) {
  if (row.visible > chosen.size()) return false;
  std::iota(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(row.visible), 0u);
  return true;
}

void SelectTogether(const Rows& r, std::span<std::uint32_t> chosen, std::span<TopK> best,
                    View2<float> scratch, Threads& threads) {
  if (TakesAll(r.rows[0], chosen)) return;
  constexpr double kProductsANanosecond = 20;
  const std::size_t heads = r.queries.w.cols();
  const double ns =
      static_cast<double>(r.rows[0].visible * heads * r.queries.format.dim) / kProductsANanosecond;
  const std::size_t parts = threads.CountFor(ns);
  threads.Run(parts, [&](std::size_t part) {
    KeepBest(r, r.pages() * part / parts, r.pages() * (part + 1) / parts, best.subspan(part, 1),
             scratch[part]);
  });
  for (std::size_t part = 1; part < parts; ++part) best[0].Push(best[part]);
  std::ranges::copy(best[0].Finish(), chosen.begin());
}

bool SameKeys(const PagedEntries& a, const PagedEntries& b) {
  return a.pages.data() == b.pages.data() && a.offset == b.offset;
}

// Neighbours [begin, end) of the batch, those that see the same keys together.
void SelectNeighbours(std::span<const IndexedEntries> rows, std::size_t begin, std::size_t end,
                      const IndexQueries& queries, View2<std::uint32_t> chosen,
                      std::span<TopK> best, std::span<float> memory) {
  while (begin < end) {
    if (TakesAll(rows[begin], chosen[begin])) {
      ++begin;
      continue;
    }
    std::size_t last = begin + 1;
    while (last < end && SameKeys(rows[last].keys, rows[begin].keys) &&
           rows[last].visible > chosen.cols())
      ++last;
    const Rows together{rows.subspan(begin, last - begin), queries, begin};
    KeepBest(together, 0, together.pages(), best, memory);
    for (std::size_t t = begin; t < last; ++t)
      std::ranges::copy(best[t - begin].Finish(), chosen[t].begin());
    begin = last;
  }
}

}  // namespace

std::size_t SelectRowsTogether(std::size_t heads, std::size_t dim) {
  constexpr std::size_t kMost = 32, kQueryBytes = 16384;
  return std::clamp(kQueryBytes / std::max(heads * dim, std::size_t{1}), std::size_t{1}, kMost);
}

std::size_t SelectScratchFloats(std::size_t page_entries, std::size_t heads, std::size_t dim) {
  const std::size_t floats = page_entries * (SelectRowsTogether(heads, dim) + dim);
  return (floats + 15) / 16 * 16;  // begins on cache lines
}

void SelectRows(std::span<const IndexedEntries> rows, const IndexQueries& queries,
                View2<std::uint32_t> chosen, std::span<TopK> best, View2<float> scratch,
                Threads& threads) {
  const std::size_t heads = queries.w.cols(), dim = queries.format.dim;
  const std::size_t most = SelectRowsTogether(heads, dim), workers = threads.count();
  HADAL_CHECK(chosen.rows() == rows.size() && queries.w.rows() == rows.size());
  HADAL_CHECK(best.size() >= workers * most && scratch.rows() >= workers);
  for (const IndexedEntries& entries : rows)
    HADAL_CHECK(scratch.cols() >= SelectScratchFloats(entries.keys.page_entries, heads, dim));
  if (rows.size() == 1)
    return SelectTogether({rows, queries, 0}, chosen[0], best, scratch, threads);
  // Every thread gets some.
  const std::size_t each = std::clamp(rows.size() / workers, std::size_t{1}, most);
  threads.ForEach((rows.size() + each - 1) / each, [&](std::size_t worker, std::size_t group) {
    SelectNeighbours(rows, group * each, std::min((group + 1) * each, rows.size()), queries, chosen,
                     best.subspan(worker * most, most), scratch[worker]);
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
