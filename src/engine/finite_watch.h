// Sees where in a forward pass a number stops being finite: a NaN in a weight spreads to everything
// behind it, and no later sum gives it back. Looks at single batch rows, which costs next to
// nothing.
#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "model/forward.h"

namespace hadal::engine {

class FiniteWatch : public model::Observer {
 public:
  // Rows of the next Forward::Run to look at; forgets what was seen before.
  void Watch(std::span<const std::size_t> rows);
  void Streams(std::size_t boundary, View2<const float> streams) override;

  // kCorrupt if the watched row (by its place in Watch's list), the token at `position` of its
  // sequence, was not finite somewhere.
  Status Check(std::size_t index, std::uint64_t position) const;

 private:
  struct Row {
    std::size_t row;
    std::optional<std::size_t> boundary = {};  // the first where it was not finite
  };
  std::vector<Row> rows_;
};

}  // namespace hadal::engine
