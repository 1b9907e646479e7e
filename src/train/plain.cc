#include "train/plain.h"

#include <atomic>

#include "base/check.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

std::atomic<bool> plain_everywhere = false;

Tensor Rounded(const Tensor& x) { return x.to(torch::kBFloat16).to(torch::kFloat); }

// TF32, which the matrix units of a GPU multiply, holds every BF16 number: there the product of
// rounded factors is the same with it, and faster. Where more threads than one train, they train on
// the CPU, which does not read this.
Tensor MatMulOfRounded(const Tensor& a, const Tensor& b) {
  if (!a.is_cuda()) return torch::matmul(a, b);
  at::Context& context = at::globalContext();
  const bool before = context.allowTF32CuBLAS();
  context.setAllowTF32CuBLAS(true);
  const Tensor product = torch::matmul(a, b);
  context.setAllowTF32CuBLAS(before);
  return product;
}

struct RoundedMatMul : torch::autograd::Function<RoundedMatMul> {
  static Tensor forward(AutogradContext* context, const Tensor& a_in, const Tensor& b_in) {
    const Tensor a = Rounded(a_in), b = Rounded(b_in);
    context->save_for_backward({a, b});
    return MatMulOfRounded(a, b);
  }
  static variable_list backward(AutogradContext* context, const variable_list& d_out) {
    const variable_list saved = context->get_saved_variables();
    const Tensor d = Rounded(d_out[0]);
    return {MatMulOfRounded(d, saved[1].transpose(-1, -2)),
            MatMulOfRounded(saved[0].transpose(-1, -2), d)};
  }
};

}  // namespace

bool HasKernels(const Tensor& x) { return x.is_cpu() && !plain_everywhere; }

PlainOperators::PlainOperators() { HADAL_CHECK(!plain_everywhere.exchange(true)); }
PlainOperators::~PlainOperators() { plain_everywhere = false; }

Tensor plain::MatMul(const Tensor& a, const Tensor& b, Products products) {
  HADAL_CHECK(a.dim() == b.dim());  // or the gradient would have to be summed
  return products == Products::kBf16 ? RoundedMatMul::apply(a, b) : torch::matmul(a, b);
}

}  // namespace hadal::train
