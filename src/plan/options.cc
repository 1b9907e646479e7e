#include "plan/options.h"

namespace hadal::plan {

Result<Accounting> MakeAccounting(const std::string& kv, const std::string& flops, bool gib) {
  Accounting accounting;
  HADAL_TRY(accounting.kv, cost::FindKvFormat(kv));
  HADAL_TRY(accounting.flops, cost::FindFlopAccounting(flops));
  accounting.units = gib ? ByteUnits::kBinary : ByteUnits::kDecimal;
  return accounting;
}

void AddAccounting(const Accounting& accounting, Json* facts) {
  Json weights{Json::Object{}};
  for (std::size_t w = 0; w < cost::kWorks; ++w)
    weights.Set(cost::WorkKey(static_cast<cost::Work>(w)), accounting.flops->weight[w]);
  facts->Set("kv", cost::KvFormatName(accounting.kv));
  facts->Set("flops", Json::MakeObject({{"name", accounting.flops->name},
                                        {"about", accounting.flops->about},
                                        {"weights", std::move(weights)}}));
}

}  // namespace hadal::plan
