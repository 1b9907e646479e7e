#include "train/dispatch.h"

#include "base/check.h"
#include "train/parallel.h"
#include "train/plain.h"
#include "train/simd.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

Tensor Gather(const Tensor& x_in, const Tensor& rows) {
  if (!HasKernels(x_in)) return x_in.index_select(0, rows);
  const Tensor x = x_in.contiguous();
  const std::int64_t width = x.size(1);
  Tensor y = torch::empty({rows.numel(), width}, x.options());
  const std::int64_t* from = rows.data_ptr<std::int64_t>();
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "GatherRows", [&] {
    const scalar_t* in = x.data_ptr<scalar_t>();
    scalar_t* out = y.data_ptr<scalar_t>();
    ParallelRows(rows.numel(), width, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        std::copy_n(in + from[i] * width, width, out + i * width);
    });
  });
  return y;
}

Tensor Combine(const Tensor& x_in, const Tensor& places) {
  if (!HasKernels(x_in))
    return x_in.index_select(0, places.flatten()).view({places.size(0), places.size(1), -1}).sum(1);
  const Tensor x = x_in.contiguous();
  const std::int64_t width = x.size(1), chosen = places.size(1);
  Tensor y = torch::empty({places.size(0), width}, x.options());
  const std::int64_t* from = places.data_ptr<std::int64_t>();
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "CombineRows", [&] {
    const scalar_t* in = x.data_ptr<scalar_t>();
    scalar_t* out = y.data_ptr<scalar_t>();
    ParallelRows(places.size(0), width * chosen, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t t = begin; t < end; ++t) {
        scalar_t* row = out + t * width;
        std::copy_n(in + from[t * chosen] * width, width, row);
        for (std::int64_t j = 1; j < chosen; ++j)
          AddScaled(scalar_t{1}, in + from[t * chosen + j] * width, width, row);
      }
    });
  });
  return y;
}

// Each is the other's transpose, hence its gradient.
struct GatherFunction : torch::autograd::Function<GatherFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& rows,
                        const Tensor& places) {
    context->save_for_backward({places});
    return Gather(x, rows);
  }
  static variable_list backward(AutogradContext* context, const variable_list& d) {
    return {Combine(d[0], context->get_saved_variables()[0]), Tensor(), Tensor()};
  }
};

struct CombineFunction : torch::autograd::Function<CombineFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& rows,
                        const Tensor& places) {
    context->save_for_backward({rows});
    return Combine(x, places);
  }
  static variable_list backward(AutogradContext* context, const variable_list& d) {
    return {Gather(d[0], context->get_saved_variables()[0]), Tensor(), Tensor()};
  }
};

}  // namespace

Dispatch PlanDispatch(const Tensor& ids_in, std::int64_t experts) {
  const Tensor ids = ids_in.cpu().contiguous();
  const std::int64_t chosen = ids.size(1), total = ids.numel();
  const std::int64_t* id = ids.data_ptr<std::int64_t>();
  Dispatch plan;
  plan.offsets.assign(static_cast<std::size_t>(experts) + 1, 0);
  for (std::int64_t a = 0; a < total; ++a) {
    HADAL_CHECK(id[a] >= 0 && id[a] < experts);
    ++plan.offsets[static_cast<std::size_t>(id[a]) + 1];
  }
  for (std::size_t e = 1; e < plan.offsets.size(); ++e) plan.offsets[e] += plan.offsets[e - 1];
  plan.tokens = torch::empty({total}, torch::kLong);
  plan.assignments = torch::empty({total}, torch::kLong);
  plan.places = torch::empty_like(ids);
  std::vector<std::int64_t> next(plan.offsets.begin(), plan.offsets.end() - 1);
  std::int64_t *tokens = plan.tokens.data_ptr<std::int64_t>(),
               *assignments = plan.assignments.data_ptr<std::int64_t>(),
               *places = plan.places.data_ptr<std::int64_t>();
  for (std::int64_t a = 0; a < total; ++a) {
    const std::int64_t place = next[static_cast<std::size_t>(id[a])]++;
    tokens[place] = a / chosen;
    assignments[place] = a;
    places[a] = place;
  }
  for (Tensor* tensor : {&plan.tokens, &plan.assignments, &plan.places})
    *tensor = tensor->to(ids_in.device());
  return plan;
}

Tensor GatherRows(const Tensor& x, const Tensor& rows, const Tensor& places) {
  return GatherFunction::apply(x, rows, places);
}

Tensor CombineRows(const Tensor& x, const Tensor& rows, const Tensor& places) {
  return CombineFunction::apply(x, rows, places);
}

}  // namespace hadal::train
