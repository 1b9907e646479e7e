// What a packed batch allows, computed once a step from the document numbers: positions,
// compression blocks, and for every token the ranges of window keys and of compressed entries that
// it may see.
//
// Everything a token may see is a contiguous range of its row, so ranges replace masks:
//   window keys        row indices     window_begin[b,t] .. t
//   entries of ratio r entry indices   begin[b,t] .. end[b,t] - 1
// Entries of a row follow its documents in order; entry i of a document pools its tokens
// ratio*i .. ratio*i + ratio - 1, and a token at position p sees the entries i < (p+1) / ratio.
// A document's trailing tokens short of a block yield no entry.
#pragma once
#include <torch/torch.h>

#include <cstdint>

namespace hadal::train {

struct Entries {
  std::int64_t ratio = 0;
  std::int64_t count = 0;  // entries a row, of the row with most; the others are padded
  torch::Tensor first;     // [batch, count] int64: row index of the first pooled token; -1: padding
  torch::Tensor
      positions;  // [batch, count] int64: position of that token in its document; padding: 0
  torch::Tensor begin, end;  // [batch, tokens] int64
};

struct DocumentPlan {
  std::int64_t batch = 0, tokens = 0;
  std::int64_t longest = 0;    // tokens of the longest document
  torch::Tensor positions;     // [batch, tokens] int64, from 0 in every document
  torch::Tensor window_begin;  // [batch, tokens] int64
  Entries csa, hca;
};

// documents: [batch, tokens] int64; neighbours with equal numbers belong together. The plan's
// tensors are where they are.
DocumentPlan PlanDocuments(const torch::Tensor& documents, std::int64_t window);

// The ranges of entries as a mask: [batch, tokens, count] bool.
torch::Tensor VisibleEntries(const Entries& entries);

}  // namespace hadal::train
