#include "kernels/attend_rows.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "base/prefetch.h"
#include "kernels/attention.h"

namespace hadal::kernels {
namespace {

constexpr std::size_t kTile = kAttentionTile;

// Threads' scratch begins on cache lines.
std::size_t RoundUp(std::size_t floats) { return (floats + 15) / 16 * 16; }

// One thread's memory: a tile of decoded entries, then the state of the heads.
struct Scratch {
  Scratch(std::span<float> memory, std::size_t heads, std::size_t head_dim)
      : tile(memory.data(), kTile, head_dim),
        state{memory.subspan(kTile * head_dim, heads),
              memory.subspan(kTile * head_dim + heads, heads),
              View2<float>(memory.data() + kTile * head_dim + 2 * heads, heads, head_dim)} {}
  View2<float> tile;
  AttentionState state;
};

// Some heads of one row, in place.
void AttendRow(const AttendedEntries& entries, const EntryFormat& format, float scale,
               std::span<const float> sink, View2<float> q, Scratch scratch) {
  AttendBegin(scratch.state);
  for (std::size_t begin = 0; begin < entries.size(); begin += kTile) {
    const View2<float> tile = scratch.tile.Rows(0, std::min(kTile, entries.size() - begin));
    for (std::size_t j = 0; j < tile.rows(); ++j) LoadEntry(format, entries[begin + j], tile[j]);
    for (std::size_t j = begin + kTile; j < std::min(begin + 2 * kTile, entries.size()); ++j)
      Prefetch({entries[j], format.bytes()});
    AttendTile(q, tile, scale, scratch.state);
  }
  AttendEnd(sink, scratch.state, q);
}

// Of one thread, roughly: products with every head, and decoding, which is worth some heads.
double NanosecondsOf(std::span<const AttendedEntries> rows, std::size_t heads,
                     std::size_t head_dim) {
  constexpr double kProductsANanosecond = 20;
  constexpr std::size_t kDecodeHeads = 4;
  std::size_t entries = 0;
  for (const AttendedEntries& row : rows) entries += row.size();
  return static_cast<double>(entries * (2 * heads + kDecodeHeads) * head_dim) /
         kProductsANanosecond;
}

}  // namespace

std::size_t AttendScratchFloats(std::size_t heads, std::size_t head_dim) {
  return RoundUp(kTile * head_dim + 2 * heads + heads * head_dim);
}

void AttendRows(std::span<const AttendedEntries> rows, const EntryFormat& format, float scale,
                std::span<const float> sink, View2<float> q, View2<float> scratch,
                Threads& threads) {
  const std::size_t heads = sink.size(), head_dim = format.shape.head_dim;
  HADAL_CHECK(q.rows() == rows.size() && q.cols() == heads * head_dim);
  HADAL_CHECK(scratch.rows() >= threads.count());
  HADAL_CHECK(scratch.cols() >= AttendScratchFloats(heads, head_dim));
  const double ns = NanosecondsOf(rows, heads, head_dim);
  const std::size_t parts = rows.size() == 1 ? std::min(heads, threads.CountFor(ns)) : 1;
  const std::size_t items = rows.size() * parts;
  auto attend = [&](std::size_t worker, std::size_t item) {
    const std::size_t t = item / parts, part = item % parts;
    const std::size_t first = heads * part / parts, count = heads * (part + 1) / parts - first;
    AttendRow(rows[t], format, scale, sink.subspan(first, count),
              View2<float>(q[t].data() + first * head_dim, count, head_dim),
              Scratch(scratch[worker], count, head_dim));
  };
  // Rows of different lengths take different times: nobody is late with one.
  if (rows.size() > 1 && threads.CountFor(ns) > 1) return threads.ForEach(items, attend);
  threads.ForEach(items, ns / static_cast<double>(items), attend);
}

namespace ref {

void AttendRows(std::span<const AttendedEntries> rows, const EntryFormat& format, float scale,
                std::span<const float> sink, View2<float> q) {
  const std::size_t heads = sink.size(), head_dim = format.shape.head_dim;
  for (std::size_t t = 0; t < rows.size(); ++t) {
    std::vector<float> kv(rows[t].size() * head_dim), out(heads * head_dim);
    const View2<float> all(kv.data(), rows[t].size(), head_dim);
    for (std::size_t j = 0; j < all.rows(); ++j) LoadEntry(format, rows[t][j], all[j]);
    ref::Attend(View2<float>(q[t].data(), heads, head_dim), all, scale, sink,
                View2<float>(out.data(), heads, head_dim));
    std::ranges::copy(out, q[t].begin());
  }
}

}  // namespace ref
}  // namespace hadal::kernels
