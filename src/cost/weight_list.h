// Builds the weight list of a cost model, one tensor or one group of equal tensors at a time.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cost/cost_model.h"
#include "tensor/stored_format.h"

namespace hadal::cost {

struct Tensor {
  std::string_view name;
  Component component = Component::kAttention;
  Work work = Work::kNone;  // kNone: no product
  std::uint64_t rows = 1, cols = 1;
  StoredFormat stored = StoredFormat::kBf16;  // FP16 counts as BF16
  std::uint64_t count = 1;                    // tensors like this
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
