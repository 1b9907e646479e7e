// Sees where in a forward pass a number stops being finite: a NaN in a weight spreads to everything
// behind it, and no later sum gives it back.
//
// Looked at are the streams of some rows behind every layer, which costs next to nothing; and of
// all rows what others depend on, which the pass itself looks at (model/watch_rows.h).
#pragma once
#include <cstddef>
#include <map>
#include <span>
#include <vector>

#include "base/result.h"
#include "model/forward.h"

namespace hadal::engine {

class FiniteWatch : public model::Observer {
 public:
  // Rows of the next Forward::Run whose streams are looked at: those whose logits are wanted.
  // Forgets what was seen before.
  void Watch(std::span<const std::size_t> rows);
  void Streams(std::size_t boundary, View2<const float> streams) override;
  void NotFinite(std::size_t layer, std::size_t row) override;

  // kCorrupt names the first of `count` rows from `first` on in which something was not finite;
  // `first` is the token at `position` of its sequence, the others follow it.
  Status Check(std::size_t first, std::size_t count, std::uint64_t position) const;

 private:
  struct Place {  // where it was seen first
    bool in_layer;
    std::size_t number;  // of the layer, or of the boundary before it
  };
  std::vector<std::size_t> rows_;
  std::map<std::size_t, Place> found_;  // by row
};

}  // namespace hadal::engine
