// Builds the weight list of a cost model, one tensor or one group of equal tensors at a time.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/quantization.h"
#include "cost/cost_model.h"

namespace hadal::cost {

// How a checkpoint holds a module: what its numbers are, and the bytes of all `count` of them, with
// their scales and whatever else lies beside them.
struct Held {
  arch::Number number = arch::Number::kHalf;
  std::uint64_t bytes = 0;
};
using HeldBy = std::function<Held(const arch::Module&)>;

struct Tensor {
  std::string_view name;  // of the group
  Component component = Component::kAttention;
  // The product that it takes part in. kNone: none; absent: by how the numbers are stored.
  std::optional<Work> work = Work::kNone;
  arch::Module module;               // module.count tensors like this
  std::uint64_t active = 1, of = 1;  // a token passes through `active` of every `of` of them
  std::uint64_t uses = 1;            // products of a token with it
  bool for_logits = false;           // see WeightGroup
  bool trained = true;               // false: a table, which holds no parameters
  bool by_token = false;             // of a layer that routes by the token's id
};

class WeightList {
 public:
  explicit WeightList(const HeldBy& held) : held_(held) {}  // `held` must outlive this

  // To the group of its name, component and work, whose tensors agree in everything but size and
  // form.
  void Add(const Tensor& tensor);
  std::vector<WeightGroup> Take() &&;

 private:
  struct Share {
    std::uint64_t active, of, uses, elements;
  };
  const HeldBy& held_;
  std::vector<WeightGroup> groups_;
  std::vector<Share> shares_;  // of each group
};

}  // namespace hadal::cost
