#include "engine/finite_watch.h"

#include "tensor/finite.h"

namespace hadal::engine {

void FiniteWatch::Watch(std::span<const std::size_t> rows) {
  rows_.clear();
  for (const std::size_t row : rows) rows_.push_back({.row = row});
}

void FiniteWatch::Streams(std::size_t boundary, View2<const float> streams) {
  for (Row& watched : rows_)
    if (!watched.boundary && FirstNotFinite(streams[watched.row])) watched.boundary = boundary;
}

Status FiniteWatch::Check(std::size_t index, std::uint64_t position) const {
  const std::optional<std::size_t> boundary = rows_[index].boundary;
  if (!boundary) return Unit{};
  const std::string where =
      *boundary == 0 ? "in the token's embedding" : fmt::format("behind layer {}", *boundary - 1);
  return Fail(Code::kCorrupt, "position {}: not a finite number {}; the weights are damaged",
              position, where);
}

}  // namespace hadal::engine
