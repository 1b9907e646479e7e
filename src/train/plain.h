// Two ways to compute an operator: the kernels of this folder, which read and write the memory of
// the processor, and plain compositions of LibTorch's operators, which any device runs. The second
// are in namespace plain, beside the kernels, under the same names and contracts; their gradients
// are LibTorch's. Kernels are tested against them.
//
// Which of the two computes follows from where the tensors are, and is asked here alone.
#pragma once
#include <torch/torch.h>

#include "train/matrix_product.h"

namespace hadal::train {

bool HasKernels(const torch::Tensor& x);

// While one lives, the plain compositions compute on the processor too, in the whole process: for
// tests. Not more than one at a time.
class PlainOperators {
 public:
  PlainOperators();
  ~PlainOperators();
  PlainOperators(const PlainOperators&) = delete;
  PlainOperators& operator=(const PlainOperators&) = delete;
};

namespace plain {

// a b, of matrices or of batches of them. Products::kBf16 rounds both factors to BF16, forward and
// backward; sums and results are float32.
torch::Tensor MatMul(const torch::Tensor& a, const torch::Tensor& b, Products products);

}  // namespace plain
}  // namespace hadal::train
