// What the reports of src/plan share.
#pragma once
#include <string>

#include "cost/accounting.h"
#include "plan/report.h"

namespace hadal::plan {

struct Accounting {
  cost::KvFormat kv = cost::KvFormat::kPublished;
  const cost::FlopAccounting* flops = nullptr;
  ByteUnits units = ByteUnits::kDecimal;
};
// kInvalid: names the flag and the accepted values.
Result<Accounting> MakeAccounting(const std::string& kv, const std::string& flops, bool gib);
// {"kv": name, "flops": {"name", "about", "weights": {<work>: weight}}}
void AddAccounting(const Accounting& accounting, Json* facts);

}  // namespace hadal::plan
