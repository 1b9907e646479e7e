// AdamW, for what is not a matrix. Our own, not LibTorch's: its state is plain named tensors, so
// that a checkpoint holds all of it in any LibTorch version.
//
//   m = b1*m + (1-b1)*g;  v = b2*v + (1-b2)*g^2
//   w = w * (1 - lr*weight_decay) - lr * (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + eps)
//
// t counts the steps in which the parameter had a gradient.
// Source: Loshchilov and Hutter, arXiv:1711.05101.
#pragma once
#include <torch/torch.h>

#include <string>
#include <utility>
#include <vector>

#include "train/step_size.h"
#include "train/workers.h"

namespace hadal::train {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.95, eps = 1e-20, weight_decay = 0.1;
};

class AdamW {
 public:
  AdamW(std::vector<std::pair<std::string, torch::Tensor>> parameters, AdamWOptions options);

  Status Step(StepSize size, Workers& workers);  // a parameter without a gradient stays as it is

  // ("m.NAME", m), ("v.NAME", v) of every parameter and ("steps", [parameters] int64).
  std::vector<std::pair<std::string, torch::Tensor>> State() const;

 private:
  struct Entry {
    std::string name;
    torch::Tensor value, m, v;
  };
  void StepPlainly(Entry& entry, double steps, StepSize size) const;
  std::vector<Entry> entries_;
  torch::Tensor steps_;  // int64, on the CPU
  AdamWOptions options_;
};

}  // namespace hadal::train
