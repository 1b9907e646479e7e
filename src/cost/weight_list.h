// Builds the weight list of a cost model, one tensor or one group of equal tensors at a time.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cost/cost_model.h"

namespace hadal::cost {

enum class Stored {
  kF32,
  kHalf,         // BF16 or FP16
  kFp8,          // a byte a number, and a byte of scale per 128x128
  kFp8F32Scale,  // the same with float32 scales (V3)
  kFp4,          // half a byte a number, and a byte of scale per 1x32
  kI64,
};
// Bytes of a matrix in a file, with its scales. A vector is a matrix of one row.
std::uint64_t StoredBytes(std::uint64_t rows, std::uint64_t cols, Stored stored);

struct Tensor {
  std::string_view name;
  Component component = Component::kAttention;
  Work work = Work::kNone;  // kNone: no product
  std::uint64_t rows = 1, cols = 1;
  Stored stored = Stored::kHalf;
  std::uint64_t count = 1;           // tensors like this
  std::uint64_t active = 1, of = 1;  // a token passes through `active` of every `of` of them
  std::uint64_t uses = 1;            // products of a token with it
  bool for_logits = false;           // see WeightGroup
  bool trained = true;               // false: a table, which holds no parameters
};

class WeightList {
 public:
  // To the group of its name and component, whose tensors agree in everything but size and form.
  void Add(const Tensor& tensor);
  std::vector<WeightGroup> Take() &&;

 private:
  struct Share {
    std::uint64_t active, of, uses, elements;
  };
  std::vector<WeightGroup> groups_;
  std::vector<Share> shares_;  // of each group
};

}  // namespace hadal::cost
