// Moving and adding whole rows of float32.
//
//   DecodeRows  y[t,:] = w[pick[t],:], decoded from its stored format
//   CopyRows    y[t,:] = x[t,:]
//   GatherRows  y[t,:] = x[pick[t],:]
//   AddRows     y[t,:] += x[t,:]
//   AddPicked   y[t,:] += table[pick[t],:]
//   AddChosen   y[t,:] += x[slots[t,j] - first,:] for j = 0, 1, ... where that is a row of x
//   ScaleRows   y[t,:] *= factor
//   WeighRows   y[t,:] *= weights[t]
//
// x, y, table are [rows, cols]; y must not overlap x, except in CopyRows onto itself.
// Numbers  plain float32 operations in the order written: the same bits from every instruction set.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/threads.h"
#include "tensor/stored_matrix.h"
#include "tensor/view.h"

namespace hadal::kernels {

void DecodeRows(const StoredMatrix& w, std::span<const std::int32_t> pick, View2<float> y,
                Threads& threads);
void CopyRows(View2<const float> x, View2<float> y, Threads& threads);
void GatherRows(View2<const float> x, std::span<const std::uint32_t> pick, View2<float> y,
                Threads& threads);
void AddRows(View2<const float> x, View2<float> y, Threads& threads);
void AddPicked(View2<const float> table, std::span<const std::uint32_t> pick, View2<float> y,
               Threads& threads);
void AddChosen(View2<const float> x, View2<const std::uint32_t> slots, std::size_t first,
               View2<float> y, Threads& threads);
void ScaleRows(float factor, View2<float> y, Threads& threads);
void WeighRows(std::span<const float> weights, View2<float> y, Threads& threads);
// Whether no number of x is infinite or NaN.
bool AllFinite(View2<const float> x, Threads& threads);

namespace ref {  // f64 sums, rounded once; the other operations are one rounding or none
void AddChosen(View2<const float> x, View2<const std::uint32_t> slots, std::size_t first,
               View2<float> y);
bool AllFinite(View2<const float> x);
}  // namespace ref

}  // namespace hadal::kernels
