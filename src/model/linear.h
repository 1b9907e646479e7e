// Linear layers with the roundings of the pass's numerics: y = w x, where an FP8 or FP4 weight may
// take its input as integers or rounded to FP8, and y is rounded to the activation type.
#pragma once
#include <array>
#include <initializer_list>
#include <vector>

#include "kernels/matmul.h"
#include "kernels/quantized_matmul.h"
#include "model/pass.h"
#include "model/weights.h"

namespace hadal::model {

// Rounds to the activation type: bfloat16, or nothing.
void RoundActs(const Context& context, View2<float> x);
// y = the RMS norm of every row of x, rounded; y may be x.
void NormaliseRows(const Context& context, View2<const float> x, std::span<const float> gain,
                   View2<float> y);

// One input of linear layers in the forms that their weights take.
struct LinearInput {
  View2<const float> plain;                        // for weights of float32 and BF16
  View2<const float> rounded;                      // for weights that TakesRounded and no integers
  std::array<kernels::QuantizedRows, 2> integers;  // by kernels::RowFormat; no data: not asked for

  LinearInput Rows(std::size_t begin, std::size_t count) const;
  // Rows first, first + step, ..; of an input whose rows are not picked.
  LinearInput Every(std::size_t step, std::size_t first, std::size_t count) const;
};
// Whether the numerics give this weight integer inputs.
bool TakesIntegers(const arch::Numerics& numerics, const Weight& weight);
// Whether its input is rounded to FP8 by numerics that do so: it is stored as FP8 or FP4.
bool TakesRounded(const Weight& weight);
// x in the forms that the weights take; the copies lie in scope.
LinearInput PrepareInput(const Context& context, View2<const float> x,
                         std::span<const Weight* const> weights, Arena::Scope& scope);
// The same without any rounding to FP8: for maps that the official code multiplies in bfloat16.
LinearInput PrepareUnrounded(const Context& context, View2<const float> x,
                             std::span<const Weight* const> weights, Arena::Scope& scope);
// What PrepareInput takes at most: for any weights, and for one weight that takes integers.
std::size_t LinearInputBytes(std::size_t rows, std::size_t cols);
std::size_t IntegerInputBytes(std::size_t rows, std::size_t cols);

// Products of any kind, run together.
class LinearJobs {
 public:
  void Add(const Context& context, const LinearInput& x, const Weight& weight, View2<float> y);
  void Run(const Context& context);

 private:
  std::vector<kernels::MatMulJob> floats_;
  std::vector<kernels::QuantizedMatMulJob> integers_;
};

// y = w x; y [x.rows(), weight.rows] lies in scope.
View2<float> Linear(const Context& context, View2<const float> x, const Weight& weight,
                    Arena::Scope& scope);
// The same for several weights of one input at once, into given y.
struct LinearOut {
  const Weight* weight;
  View2<float> y;
};
void Linear(const Context& context, View2<const float> x, std::initializer_list<LinearOut> outs,
            Arena& arena);

}  // namespace hadal::model
