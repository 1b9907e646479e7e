#include "plan/measured_bench.h"

#include <algorithm>

#include "arch/config_fields.h"

namespace hadal::plan {
namespace {

constexpr std::size_t kMost = std::size_t{1} << 30;

Result<MeasuredDecode> DecodeIn(const Json& item, const std::string& name) {
  arch::Fields fields(item, name + ": decode");
  MeasuredDecode figure;
  fields.Size("depth", 0, kMost, &figure.depth);
  fields.Size("threads", 1, kMost, &figure.threads);
  fields.Size("batch", 1, kMost, &figure.batch);
  fields.Number("tokens_per_s", 1e-9, 1e12, &figure.tokens_per_s);
  if (fields.Has("bytes_per_token"))
    fields.Number("bytes_per_token", 1, 1e18, &figure.bytes_per_token.emplace());
  if (fields.Has("read_bytes_per_s"))
    fields.Number("read_bytes_per_s", 1, 1e18, &figure.read_bytes_per_s.emplace());
  if (!fields.ok()) return fields.error();
  if (fields.Has("experts")) {
    arch::Fields of_experts(*fields.Find("experts"), name + ": decode: experts");
    of_experts.Number("hits", 0, 1, &figure.hits.emplace());
    if (!of_experts.ok()) return of_experts.error();
  }
  return figure;
}

// If it is of a whole prompt and of so many threads.
Status AddPrefill(const Json& item, const std::string& name, std::size_t wanted_threads,
                  std::vector<MeasuredPrefill>* prefill) {
  arch::Fields fields(item, name + ": prefill");
  MeasuredPrefill figure;
  std::size_t depth = 0, threads = 0;
  fields.Size("tokens", 1, kMost, &figure.tokens);
  fields.Size("depth", 0, kMost, &depth);
  fields.Size("threads", 1, kMost, &threads);
  fields.Number("tokens_per_s", 1e-9, 1e12, &figure.tokens_per_s);
  if (!fields.ok()) return fields.error();
  if (depth == 0 && threads == wanted_threads) prefill->push_back(figure);
  return Unit{};
}

}  // namespace

Result<MeasuredBench> ReadBench(const Json& bench, const std::string& name) {
  const Json *decode = bench.Find("decode"), *prefill = bench.Find("prefill");
  if (decode == nullptr || decode->AsArray() == nullptr || decode->AsArray()->empty())
    return Fail(Code::kInvalid, "{}: decode: expected the figures that `hadal bench --json` prints",
                name);
  MeasuredBench measured;
  std::size_t threads = 0;
  for (const Json& item : *decode->AsArray()) {
    HADAL_TRY(const MeasuredDecode figure, DecodeIn(item, name));
    threads = std::max(threads, figure.threads);
    measured.decode.push_back(figure);
  }
  std::erase_if(measured.decode, [&](const MeasuredDecode& f) { return f.threads != threads; });
  if (prefill != nullptr && prefill->AsArray() != nullptr)
    for (const Json& item : *prefill->AsArray())
      HADAL_TRY_STATUS(AddPrefill(item, name, threads, &measured.prefill));
  arch::Fields fields(bench, name);
  if (fields.Has("chunk_tokens")) fields.Size("chunk_tokens", 1, kMost, &measured.chunk_tokens);
  if (fields.Has("experts")) fields.Size("experts", 0, kMost, &measured.experts);
  if (fields.Has("held_experts"))
    fields.Size("held_experts", 0, measured.experts, &measured.held_experts);
  if (!fields.ok()) return fields.error();
  if (const Json* routing = fields.Find("routing"); routing && routing->AsString())
    measured.routing = *routing->AsString();
  return measured;
}

}  // namespace hadal::plan
