#include "train/document_plan.h"

#include <algorithm>
#include <vector>

#include "arch/config.h"
#include "base/check.h"

namespace hadal::train {
namespace {

struct RowEntries {
  std::vector<std::int64_t> first, positions;
};

// positions: of the row's tokens. Fills the row of begin and end.
RowEntries EntriesOfRow(const std::int64_t* positions, std::int64_t tokens, std::int64_t ratio,
                        std::int64_t* begin, std::int64_t* end) {
  RowEntries row;
  std::int64_t document_begin = 0;
  for (std::int64_t t = 0; t < tokens; ++t) {
    const std::int64_t p = positions[t];
    if (p == 0) document_begin = static_cast<std::int64_t>(row.first.size());
    if ((p + 1) % ratio == 0) {
      row.first.push_back(t - ratio + 1);
      row.positions.push_back(p - ratio + 1);
    }
    begin[t] = document_begin;
    end[t] = document_begin + (p + 1) / ratio;
  }
  return row;
}

Entries PlanEntries(const DocumentPlan& plan, std::int64_t ratio) {
  Entries entries;
  entries.ratio = ratio;
  entries.begin = torch::empty_like(plan.positions);
  entries.end = torch::empty_like(plan.positions);
  std::vector<RowEntries> rows;
  for (std::int64_t b = 0; b < plan.batch; ++b) {
    const std::int64_t at = b * plan.tokens;
    rows.push_back(EntriesOfRow(plan.positions.data_ptr<std::int64_t>() + at, plan.tokens, ratio,
                                entries.begin.data_ptr<std::int64_t>() + at,
                                entries.end.data_ptr<std::int64_t>() + at));
    entries.count = std::max(entries.count, static_cast<std::int64_t>(rows.back().first.size()));
  }
  entries.first = torch::full({plan.batch, entries.count}, -1, torch::kLong);
  entries.positions = torch::zeros({plan.batch, entries.count}, torch::kLong);
  for (std::int64_t b = 0; b < plan.batch; ++b) {
    const RowEntries& row = rows[static_cast<std::size_t>(b)];
    const std::int64_t at = b * entries.count;
    std::ranges::copy(row.first, entries.first.data_ptr<std::int64_t>() + at);
    std::ranges::copy(row.positions, entries.positions.data_ptr<std::int64_t>() + at);
  }
  return entries;
}

}  // namespace

DocumentPlan PlanDocuments(const torch::Tensor& documents, std::int64_t window) {
  HADAL_CHECK(documents.dim() == 2 && documents.scalar_type() == torch::kLong);
  HADAL_CHECK(window >= 1);
  const torch::Tensor numbers = documents.cpu().contiguous();
  DocumentPlan plan;
  plan.batch = numbers.size(0);
  plan.tokens = numbers.size(1);
  plan.positions = torch::empty_like(numbers);
  plan.window_begin = torch::empty_like(numbers);
  for (std::int64_t b = 0; b < plan.batch; ++b) {
    const std::int64_t* number = numbers.data_ptr<std::int64_t>() + b * plan.tokens;
    std::int64_t* position = plan.positions.data_ptr<std::int64_t>() + b * plan.tokens;
    std::int64_t* window_begin = plan.window_begin.data_ptr<std::int64_t>() + b * plan.tokens;
    std::int64_t document_begin = 0;
    for (std::int64_t t = 0; t < plan.tokens; ++t) {
      if (t > 0 && number[t] != number[t - 1]) document_begin = t;
      position[t] = t - document_begin;
      window_begin[t] = std::max(document_begin, t - window + 1);
      plan.longest = std::max(plan.longest, position[t] + 1);
    }
  }
  plan.csa = PlanEntries(plan, static_cast<std::int64_t>(arch::kCsaRatio));
  plan.hca = PlanEntries(plan, static_cast<std::int64_t>(arch::kHcaRatio));
  for (torch::Tensor* tensor :
       {&plan.positions, &plan.window_begin, &plan.csa.first, &plan.csa.positions, &plan.csa.begin,
        &plan.csa.end, &plan.hca.first, &plan.hca.positions, &plan.hca.begin, &plan.hca.end})
    *tensor = tensor->to(documents.device());
  return plan;
}

torch::Tensor VisibleEntries(const Entries& entries) {
  const torch::Tensor entry = torch::arange(entries.count, entries.begin.options());
  return (entry >= entries.begin.unsqueeze(2)).logical_and(entry < entries.end.unsqueeze(2));
}

}  // namespace hadal::train
