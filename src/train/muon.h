// Muon: momentum, made orthogonal, for matrices.
//
//   M = mu*M + G;  O = HybridNewtonSchulz(mu*M + G) * sqrt(max(n, m)) * gamma
//   W = W * (1 - lr*weight_decay) - lr*O                      for every matrix [n, m] on its own
//
// The factor gives O a root mean square of gamma, whatever the shape.
// Source: DeepSeek-V4 report, algorithm 1 (hybrid Newton-Schulz, Nesterov momentum).
#pragma once
#include <torch/torch.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "train/matrix_product.h"
#include "train/step_size.h"
#include "train/workers.h"

namespace hadal::train {

// The nearest matrix with orthonormal rows (columns, if there are more rows than columns), for each
// of [matrices, n, m] apart. Iterations X <- aX + b(XX')X + c(XX')^2 X from X / ||X||: all
// but the last `settling` with (3.4445, -4.7750, 2.0315), which lift small singular values fast,
// the last ones with (2, -1.5, 0.5), which settle them at 1. Singular values above 3e-4 of the norm
// end in [0.99, 1.01] with ten steps, two of them settling. A matrix of zeros stays zero.
// kBf16 rounds the factors of every product to BF16, as published; then they end in [0.98, 1.02],
// and those below 2^-9 of the norm anywhere between 0 and there.
struct NewtonSchulzSteps {
  std::size_t count = 10;    // in all
  std::size_t settling = 2;  // the last ones; 0: as first published with Muon
};
torch::Tensor HybridNewtonSchulz(const torch::Tensor& matrices, const NewtonSchulzSteps& steps,
                                 Products products = Products::kF32);

namespace plain {  // train/plain.h
torch::Tensor HybridNewtonSchulz(const torch::Tensor& matrices, const NewtonSchulzSteps& steps,
                                 Products products = Products::kF32);
}

struct MuonOptions {
  double momentum = 0.95, gamma = 0.18, weight_decay = 0.1;
  NewtonSchulzSteps newton_schulz = {};
  Products products = Products::kF32;
};

struct MuonParameter {
  std::string name;
  torch::Tensor value;      // [blocks * n, m], or [blocks, n, m]
  std::int64_t blocks = 1;  // matrices that lie one after another in `value`
};

class Muon {
 public:
  Muon(std::vector<MuonParameter> parameters, MuonOptions options);

  // Uses and keeps each parameter's gradient. One without a gradient stays as it is, momentum too.
  Status Step(StepSize size, Workers& workers);

  // (name, momentum), shaped as the parameters; what a checkpoint must hold.
  std::vector<std::pair<std::string, torch::Tensor>> State() const;

 private:
  struct Entry {
    MuonParameter parameter;
    torch::Tensor momentum;
    std::int64_t rows, cols;  // of one matrix
  };
  struct Job {  // one matrix
    std::size_t entry;
    std::int64_t block;
  };
  void StepMatrices(std::span<const Job> jobs, StepSize size);
  void StepPlainly(Entry& entry, StepSize size);
  double ScaleOf(const Entry& entry) const;

  std::vector<Entry> entries_;
  MuonOptions options_;
};

}  // namespace hadal::train
