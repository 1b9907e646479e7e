// What of a layer's rows counts for other rows, looked at for numbers that are not finite before it
// is stored or compared: entries, index keys, what compressors pool, the indexer's queries, the
// router's scores. From there on a NaN can hide: a format has no code for it, or a choice takes it
// for the worst and never chooses it. What a row makes of itself shows in its streams and logits.
//
// Cost  one read of x, shared out to the threads; nothing without an observer
#pragma once
#include <cstddef>
#include <functional>

#include "model/pass.h"
#include "tensor/view.h"

namespace hadal::model {

// Tells the pass's observer of the rows of x that are not finite. x [rows, ..], of the pass's rows.
// The MTP block's are passed over: guesses that come of them are wrong, and no more.
void WatchRows(const Pass& pass, std::size_t layer, View2<const float> x);
// The same of an x that has other rows; row_of: which of the pass's rows one of them belongs to.
void WatchRows(const Pass& pass, std::size_t layer, View2<const float> x,
               const std::function<std::size_t(std::size_t)>& row_of);

}  // namespace hadal::model
