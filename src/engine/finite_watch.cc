#include "engine/finite_watch.h"

#include "tensor/finite.h"

namespace hadal::engine {

void FiniteWatch::Watch(std::span<const std::size_t> rows) {
  rows_.assign(rows.begin(), rows.end());
  found_.clear();
}

void FiniteWatch::Streams(std::size_t boundary, View2<const float> streams) {
  for (const std::size_t row : rows_)
    if (FirstNotFinite(streams[row]))
      found_.try_emplace(row, Place{.in_layer = false, .number = boundary});
}

void FiniteWatch::NotFinite(std::size_t layer, std::size_t row) {
  found_.try_emplace(row, Place{.in_layer = true, .number = layer});
}

Status FiniteWatch::Check(std::size_t first, std::size_t count, std::uint64_t position) const {
  const auto found = found_.lower_bound(first);
  if (found == found_.end() || found->first >= first + count) return Unit{};
  const auto [in_layer, number] = found->second;
  const std::string where = in_layer      ? fmt::format("in layer {}", number)
                            : number == 0 ? "in the token's embedding"
                                          : fmt::format("behind layer {}", number - 1);
  return Fail(Code::kCorrupt, "position {}: not a finite number {}; the weights are damaged",
              position + (found->first - first), where);
}

}  // namespace hadal::engine
