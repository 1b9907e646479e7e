// Where the bytes of routed experts lie in a checkpoint's files, whatever the order of its tensors,
// and where they come to lie in a slot of memory.
//
// An expert's tensors that lie together in a file are one read: two for the published files (its
// weights, its scales), up to six for others. What is read on demand is the codes and, of formats
// of small blocks, the scales; float32 scales of FP8, a 4096th of their weights, stay in memory,
// for they decide in which format their expert is computed with (model/weights.h).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/direct_file.h"
#include "io/safetensors.h"
#include "model/weights.h"

namespace hadal::model {

// Whether a tensor of a file stays there until its expert is wanted; for io::Residency.
bool IsReadOnDemand(std::string_view name, const io::TensorInfo& info);

struct ExpertRead {
  std::size_t file;  // of ExpertPlaces::files
  io::FileRange range;
  std::uint64_t at;  // where its hull comes to lie in the slot
};

struct ExpertPlace {
  Expert weights;  // without what is read
  std::vector<ExpertRead> reads;
  static constexpr std::uint64_t kNotRead = ~std::uint64_t{0};
  // Of w1's codes, w1's scales, w2's codes, ..: where they come to lie in the slot.
  std::array<std::uint64_t, 6> at = {kNotRead, kNotRead, kNotRead, kNotRead, kNotRead, kNotRead};

  Expert In(const std::byte* slot) const;
};

class ExpertPlaces {
 public:
  // Of a model whose checkpoint is not mapped, which outlives this. Opens nothing.
  static ExpertPlaces Of(const Model& model);

  std::size_t layers() const { return places_.size(); }  // as the state numbers them
  std::size_t experts(std::size_t layer) const { return places_[layer].size(); }
  std::size_t count() const;  // of all layers
  const ExpertPlace& At(std::size_t layer, std::size_t expert) const {
    return places_[layer][expert];
  }
  const std::vector<std::string>& files() const { return files_; }
  std::uint64_t slot_bytes() const { return slot_bytes_; }  // that hold any of the experts

 private:
  ExpertPlaces() = default;
  std::vector<std::vector<ExpertPlace>> places_;  // [layer][expert]
  std::vector<std::string> files_;
  std::uint64_t slot_bytes_ = 0;
};

}  // namespace hadal::model
