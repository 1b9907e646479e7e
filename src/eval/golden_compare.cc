#include "eval/golden_compare.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "eval/golden_selections.h"

namespace hadal::eval {
namespace {

using Floats = std::span<const float>;

constexpr std::size_t kEarly = 16;  // positions before rounding decisions have spread
constexpr double kEarlyMedian = 1e-5;
constexpr double kDivergenceAllowance = 1.25;

bool Within(const Spread& error, const Spread& limit) {
  return error.median <= limit.median && error.p95 <= limit.p95 && error.max <= limit.max;
}

// Builds the figures of one (run, variant) pair.
class Comparison {
 public:
  Comparison(const GoldenContext& context, std::string engine, const GoldenRun& run,
             std::string variant, std::vector<GoldenFigure>* out)
      : c_(context),
        engine_(std::move(engine)),
        variant_(std::move(variant)),
        run_(run),
        want_(context.golden.variants.at(variant_)),
        limit_(ErrorLimit(RoundingOf(engine_), variant_, context.traits, context.golden.report)),
        out_(out) {}

  void Run() {
    Logits("logits", {"prefill", run_.prefill_logits, want_.prefill_logits.values},
           {"decode", run_.decode_logits, want_.decode_logits.values}, limit_);
    Early();
    TopOne();
    Part tail{"mtp prefill", {}, {}}, steps{"mtp decode", {}, {}};
    if (!run_.mtp_prefill.empty() && !want_.mtp_prefill_logits_tail.empty()) {
      tail.want =
          want_.mtp_prefill_logits_tail.values;  // the run's tail is the longest of all variants'
      tail.got = Floats(run_.mtp_prefill).last(tail.want.size());
    }
    if (!run_.mtp_decode.empty() && !want_.mtp_decode_logits.empty()) {
      steps.got = run_.mtp_decode;
      steps.want = want_.mtp_decode_logits.values;
    }
    Logits("mtp logits", tail, steps, MtpLimit());
    Hidden();
    Selections();
  }

 private:
  struct Part {
    const char* name;
    Floats got, want;
  };

  void Add(GoldenFigure figure) {
    figure.engine = engine_;
    figure.against = variant_;
    out_->push_back(Judged(std::move(figure)));
  }
  // Both parts together carry the limit; without rounding each part does.
  void Logits(const char* what, const Part& first, const Part& second,
              const std::optional<Spread>& limit) {
    const std::size_t vocab = c_.config.vocab_size;
    const std::vector<double> a = RowErrors(first.got, first.want, vocab);
    const std::vector<double> b = RowErrors(second.got, second.want, vocab);
    std::vector<double> all = a;
    all.insert(all.end(), b.begin(), b.end());
    if (all.empty()) return;
    Add({.what = what, .error = SpreadOf(std::move(all)), .error_limit = limit});
    if (a.empty() || b.empty()) return;
    const auto part = [&](const char* name, const std::vector<double>& errors) {
      GoldenFigure figure{.what = name, .error = SpreadOf(errors), .detail = true};
      if (variant_ == "f32") figure.error_limit = limit;
      Add(std::move(figure));
    };
    part(first.name, a);
    part(second.name, b);
  }
  // The MTP block is a layer more, in which the quantised variants' noise grows further.
  std::optional<Spread> MtpLimit() const {
    const bool v4 = c_.traits.architecture == arch::Architecture::kV4;
    if (!limit_ || variant_ == "f32" || !v4) return limit_;
    return Spread{1.5 * limit_->median, 1.5 * limit_->p95, 1.5 * limit_->max};
  }
  // Of so few positions a single one with another expert is more than 5%.
  std::optional<Spread> HiddenLimit() const {
    if (!limit_ || variant_ == "f32") return limit_;
    return Spread{limit_->median, limit_->max, limit_->max};
  }
  // Before the first rounding decision differs, quantisation changes nothing.
  void Early() {
    if (engine_ != "f32q" || variant_ != "f32q") return;
    std::vector<double> early;
    const std::size_t vocab = c_.config.vocab_size;
    for (std::size_t i = 0; i < c_.golden.prefill_positions.size(); ++i)
      if (c_.golden.prefill_positions[i] < kEarly)
        early.push_back(RowErrors(Floats(run_.prefill_logits).subspan(i * vocab, vocab),
                                  Floats(want_.prefill_logits.values).subspan(i * vocab, vocab),
                                  vocab)[0]);
    if (!early.empty())
      Add({.what = "logits, first 16: median",
           .value = SpreadOf(std::move(early)).median,
           .value_limit = kEarlyMedian});
  }
  void TopOne() {
    std::vector<float> got = run_.prefill_logits, want = want_.prefill_logits.values;
    got.insert(got.end(), run_.decode_logits.begin(), run_.decode_logits.end());
    want.insert(want.end(), want_.decode_logits.values.begin(), want_.decode_logits.values.end());
    GoldenFigure figure{.what = "top-1 agreement",
                        .value = TopOneAgreement(got, want, c_.config.vocab_size),
                        .at_least = true};
    if (variant_ == "bf16") figure.value_limit = SharesWithVariant(variant_, c_.traits).top_one;
    Add(std::move(figure));
  }
  void Hidden() {
    if (want_.hidden.empty()) return;
    const std::size_t width = c_.config.stream_dim();
    const std::size_t count = c_.golden.hidden_positions.size();
    const std::vector<double> errors = RowErrors(run_.hidden, want_.hidden.values, width);
    Add({.what = "hidden", .error = SpreadOf(errors), .error_limit = HiddenLimit()});
    for (std::size_t l = 0; l <= c_.config.num_hidden_layers; ++l) {
      const auto begin = errors.begin() + static_cast<std::ptrdiff_t>(l * count);
      Add({.what = fmt::format("hidden {}", l),
           .error = SpreadOf({begin, begin + static_cast<std::ptrdiff_t>(count)}),
           .detail = true});
    }
  }
  void Selections() {
    const ShareLimits limits = SharesWithVariant(variant_, c_.traits);
    const bool held = limit_.has_value();  // otherwise for information
    const auto share = [&](const char* what, double value, double limit) {
      GoldenFigure figure{.what = what, .value = value, .at_least = true};
      if (held) figure.value_limit = limit;
      Add(std::move(figure));
    };
    const SelectionFigures experts = CompareExperts(c_.config, c_.golden, want_, run_);
    if (experts.rows > 0) share("expert sets equal", experts.same_share(), limits.expert_sets);
    if (!experts.weight_errors.empty())
      Add({.what = "expert weights",
           .error = SpreadOf(experts.weight_errors),
           .error_limit = variant_ == "f32" ? limit_ : std::nullopt});
    const SelectionFigures entries = CompareEntries(c_.config, c_.golden, want_, run_);
    if (entries.rows == 0) return;
    if (limits.entry_sets)
      share("entry sets equal", entries.same_share(), *limits.entry_sets);
    else
      share("entries in common", entries.entries_in_common, limits.indexer_entries);
  }

  const GoldenContext& c_;
  std::string engine_, variant_;
  const GoldenRun& run_;
  const GoldenVariant& want_;
  std::optional<Spread> limit_;
  std::vector<GoldenFigure>* out_;
};

// The standard error of mean(a - b) of paired values.
double ErrorOfMeanDifference(std::span<const double> a, std::span<const double> b) {
  const double n = static_cast<double>(a.size()), mean = Mean(a) - Mean(b);
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = a[i] - b[i] - mean;
    squares += d * d;
  }
  return std::sqrt(squares) / n;
}

}  // namespace

GoldenFigure Judged(GoldenFigure figure) {
  if (figure.error && figure.error_limit) figure.pass = Within(*figure.error, *figure.error_limit);
  if (figure.value && figure.value_limit)
    figure.pass = figure.at_least ? *figure.value >= *figure.value_limit
                                  : *figure.value <= *figure.value_limit;
  return figure;
}

EngineRounding RoundingOf(std::string_view engine) {
  if (engine == "bf16") return EngineRounding::kBf16;
  if (engine == "f32q") return EngineRounding::kQuantised;
  if (engine == "f32") return EngineRounding::kNone;
  HADAL_CHECK(engine == "stored");
  return EngineRounding::kStored;
}

void CompareRun(const GoldenContext& context, const std::string& engine, const GoldenRun& run,
                const std::string& variant, std::vector<GoldenFigure>* out) {
  Comparison(context, engine, run, variant, out).Run();
}

void CompareFidelity(const GoldenContext& context, const GoldenRun& stored,
                     std::vector<GoldenFigure>* out) {
  const auto& variants = context.golden.variants;
  if (!variants.contains("f32") || !variants.contains("bf16")) return;
  const std::size_t vocab = context.config.vocab_size;
  const auto joined = [](const std::vector<float>& a, const std::vector<float>& b) {
    std::vector<float> all = a;
    all.insert(all.end(), b.begin(), b.end());
    return all;
  };
  const GoldenVariant &f32 = variants.at("f32"), &bf16 = variants.at("bf16");
  const auto want = joined(f32.prefill_logits.values, f32.decode_logits.values);
  const auto official = joined(bf16.prefill_logits.values, bf16.decode_logits.values);
  const auto got = joined(stored.prefill_logits, stored.decode_logits);
  const auto add = [&](const char* what, double value, double limit, bool at_least) {
    out->push_back(Judged({.engine = "stored",
                           .against = "f32",
                           .what = what,
                           .value = value,
                           .value_limit = limit,
                           .at_least = at_least}));
  };
  // The limits are what the official rounding does, with an allowance for chance: on these few
  // positions two roundings that are equally close differ by some.
  const std::vector<double> ours = RowDivergences(got, want, vocab);
  const std::vector<double> theirs = RowDivergences(official, want, vocab);
  const double agreement = TopOneAgreement(official, want, vocab);
  const double rows = static_cast<double>(ours.size());
  const double chance = 2 * std::sqrt(2 * agreement * (1 - agreement) / rows);
  add("mean KL, nats", Mean(ours),
      kDivergenceAllowance * Mean(theirs) + 2 * ErrorOfMeanDifference(ours, theirs), false);
  add("top-1 as official", TopOneAgreement(got, want, vocab), agreement - chance, true);
  const auto show = [&](const char* what, double value) {
    out->push_back({.engine = "official", .against = "f32", .what = what, .value = value});
  };
  show("mean KL, nats", Mean(theirs));
  show("top-1 agreement", agreement);
}

}  // namespace hadal::eval
