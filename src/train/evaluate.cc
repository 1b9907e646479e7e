#include "train/evaluate.h"

#include <algorithm>
#include <numbers>

#include "train/cross_entropy.h"

namespace hadal::train {

HeldoutSet::HeldoutSet(const Corpus& corpus, std::size_t row_tokens, std::size_t tokens,
                       std::uint64_t seed, const text::Tokenizer& tokenizer,
                       const MarkOptions& marks) {
  sample_.row_tokens = row_tokens;
  const std::vector<Row> rows = PackRows(corpus, row_tokens, seed, 0, false);
  const std::size_t wanted = std::max<std::size_t>(1, tokens / row_tokens);
  for (std::size_t i = 0; i < std::min(wanted, rows.size()); ++i) sample_.Append(corpus, rows[i]);
  targets_ = CountTargets(sample_.targets);
  for (const std::int64_t target : sample_.targets) {
    if (target == Sample::kIgnored || target == marks.bos || target == marks.eos) continue;
    bytes_ += tokenizer.TokenBytes(static_cast<text::TokenId>(target)).size();
  }
}

Status HeldoutSet::ForRows(BatchGradient& models, std::size_t rows, const Work& f) const {
  return models.ForEach(Batches(rows), [&](V4Model& model, std::size_t index) -> Status {
    const torch::NoGradGuard no_grad;
    const torch::Device device = model->parameters().front().device();
    const std::size_t first = index * rows, count = std::min(rows, sample_.rows - first);
    const auto part = [&](const std::vector<std::int64_t>& values) {
      return SampleRows(sample_, values, first, count, device);
    };
    f(model, index, {{part(sample_.ids), part(sample_.documents)}, part(sample_.targets)});
    return Unit{};
  });
}

Result<HeldoutScore> HeldoutSet::Score(BatchGradient& models, const StepPlan& plan,
                                       std::size_t rows) const {
  std::vector<double> sums(Batches(rows), 0);
  HADAL_TRY_STATUS(ForRows(models, rows, [&](V4Model& model, std::size_t index, const Rows& part) {
    const Output output = model->Forward(part.batch, OptionsOf(plan, models.products(), false));
    sums[index] =
        SumOfCrossEntropy(output.logits.flatten(0, 1), part.targets.flatten(), Sample::kIgnored)
            .item<double>();
  }));
  double sum = 0;
  for (const double part : sums) sum += part;
  HeldoutScore score;
  score.nats_per_token = sum / static_cast<double>(std::max<std::size_t>(1, targets_));
  score.bits_per_byte =
      sum / std::numbers::ln2 / static_cast<double>(std::max<std::uint64_t>(1, bytes_));
  return score;
}

}  // namespace hadal::train
