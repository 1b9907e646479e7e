#include "plan/engine_rates.h"

#include <algorithm>

#include "arch/config_fields.h"
#include "cost/engine_products.h"

namespace hadal::plan {
namespace {

bool IsMatrix(kernels::Product product) {
  return kernels::RowOf(product).rate == kernels::RateUnit::kBytes;
}

// f(key, rate) for every rate of many rows.
template <class Rates, class F>
void ForEachOfManyRows(Rates& rates, F f) {
  for (const kernels::Product product : kernels::kAllProducts)
    if (IsMatrix(product))
      f(cost::ManyRowsKey(product), rates.many_rows_ops_per_s[static_cast<std::size_t>(product)]);
}

// f(key, rate) for every rate of `rates` that must be there, reading memory last.
template <class Rates, class F>
void ForEach(Rates& rates, F f) {
  for (const kernels::Product product : kernels::kAllProducts)
    f(kernels::RowOf(product).key, rates.per_s[static_cast<std::size_t>(product)]);
  f(kernels::kMemoryRead, rates.read_bytes_per_s);
}

// The "per_s" of the kernel in a list; 0 if it is not there.
Result<double> RateIn(const Json::Array& list, std::string_view key, const std::string& name) {
  double rate = 0;
  for (const Json& item : list) {
    const Json* kernel = item.Find("kernel");
    if (kernel == nullptr || kernel->AsString() == nullptr || *kernel->AsString() != key) continue;
    arch::Fields row(item, fmt::format("{}: {}", name, key));
    // Memory: from that of the first home computers to that of a rack.
    const bool memory = key == kernels::kMemoryRead;
    row.Number("per_s", memory ? 1e6 : 1, memory ? 1e15 : 1e18, &rate);
    if (!row.ok()) return row.error();
  }
  return rate;
}

// What no machine does: to give weights that are colder than the caches faster than reading gives
// memory (measured beside them; four times, because memory of a shared machine may change
// meanwhile), or a thousandth of it; or more than some 10^13 operations a second with one core
// (matrix units).
Status CheckPossible(const EngineRates& rates, const std::string& name) {
  constexpr double kMostOfMemory = 4, kLeastOfMemory = 1e-3;
  constexpr double kMostOps = 1e13, kLeastOps = 1e6;  // of a thread
  const double memory = rates.read_bytes_per_s, threads = static_cast<double>(rates.threads);
  for (const kernels::Product product : kernels::kAllProducts) {
    const kernels::ProductRow& row = kernels::RowOf(product);
    const bool bytes = row.rate == kernels::RateUnit::kBytes;
    const double rate = rates.Of(product);
    const double least = bytes ? kLeastOfMemory * memory : kLeastOps * threads;
    const double most = bytes ? kMostOfMemory * memory : kMostOps * threads;
    if (rate < least || rate > most)
      return Fail(Code::kInvalid, "{}: {}: per_s: found {:.4g}, expected {:.4g} to {:.4g}: {}",
                  name, row.key, rate, least, most,
                  bytes ? "what memory_read leaves possible" : "what so many threads can do");
  }
  Status status = Unit{};
  ForEachOfManyRows(rates, [&](std::string_view key, double rate) {
    if (rate != 0 && (rate < kLeastOps * threads || rate > kMostOps * threads))
      status = Fail(Code::kInvalid, "{}: {}: per_s: found {:.4g}, expected {:.4g} to {:.4g}", name,
                    key, rate, kLeastOps * threads, kMostOps * threads);
  });
  return status;
}

}  // namespace

Result<EngineRates> EngineRatesFromJson(const Json& json, const std::string& name) {
  EngineRates rates;
  rates.source = name;
  arch::Fields fields(json, name);
  fields.Size("threads", 1, 1 << 16, &rates.threads);
  if (!fields.ok()) return fields.error();
  const Json* list = json.Find("kernels");
  if (list == nullptr || list->AsArray() == nullptr)
    return Fail(Code::kInvalid, "{}: kernels: expected what `hadal plan rates --json` prints",
                name);
  Status status = Unit{};
  const auto find = [&](std::string_view key, double& rate) {
    const Result<double> found = RateIn(*list->AsArray(), key, name);
    if (found.ok())
      rate = *found;
    else if (status.ok())
      status = found.error();
  };
  ForEach(rates, find);
  ForEachOfManyRows(rates, find);
  ForEach(rates, [&](std::string_view key, double rate) {
    if (rate == 0 && status.ok())
      status = Fail(Code::kInvalid, "{}: kernels: found no {}, expected its rate", name, key);
  });
  if (!status.ok()) return status.error();
  HADAL_TRY_STATUS(CheckPossible(rates, name));
  return rates;
}

EngineRates WhenMemoryGives(EngineRates rates, double read_bytes_per_s) {
  const double ratio = read_bytes_per_s / rates.read_bytes_per_s;
  for (const kernels::Product product : kernels::kAllProducts)
    if (kernels::RowOf(product).rate == kernels::RateUnit::kBytes)
      rates.per_s[static_cast<std::size_t>(product)] *= ratio;
  rates.read_bytes_per_s = read_bytes_per_s;
  return rates;
}

Json EngineRatesJson(const EngineRates& rates) {
  Json json = Json::MakeObject({{"source", rates.source}, {"threads", rates.threads}});
  const auto set = [&](std::string_view key, double rate) { json.Set(std::string(key), rate); };
  ForEach(rates, set);
  if (rates.knows_many_rows()) ForEachOfManyRows(rates, set);
  return json;
}

bool EngineRates::knows_many_rows() const {
  return std::ranges::all_of(kernels::kAllProducts, [&](kernels::Product product) {
    return !IsMatrix(product) || many_rows_ops_per_s[static_cast<std::size_t>(product)] > 0;
  });
}

KernelLimits LimitsOf(const EngineRates& rates, cost::Work work) {
  const std::optional<kernels::Product> product = cost::EngineProduct(work);
  if (!product) return {};
  const kernels::ProductRow& row = kernels::RowOf(*product);
  if (row.rate == kernels::RateUnit::kBytes) return {rates.Of(*product), {}, row.name};
  return {{}, rates.Of(*product), row.name};
}

KernelLimits LimitsOfManyRows(const EngineRates& rates, cost::Work work) {
  const std::optional<kernels::Product> product = cost::EngineProduct(work);
  if (!product || !IsMatrix(*product)) return LimitsOf(rates, work);
  return {{},
          rates.many_rows_ops_per_s[static_cast<std::size_t>(*product)],
          kernels::RowOf(*product).name};
}

}  // namespace hadal::plan
