// Bytes as a config.json: whatever is accepted is written and read back unchanged.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "arch/config.h"
#include "arch/inventory.h"
#include "base/check.h"
#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using hadal::arch::Config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const hadal::Result<hadal::Json> json = hadal::ParseJson(text);
  if (!json.ok()) return 0;
  const hadal::Result<hadal::Json> again = hadal::ParseJson(json->Dump());
  HADAL_CHECK(again.ok() && again->Dump() == json->Dump());

  const hadal::Result<Config> config = hadal::arch::ParseConfig(*json);
  if (!config.ok()) {
    HADAL_CHECK(config.error().what.find('\n') == std::string::npos);
    return 0;
  }
  const hadal::Json written = hadal::arch::ConfigToJson(*config, true);
  const hadal::Result<Config> read = hadal::arch::ParseConfig(written);
  HADAL_CHECK(read.ok() && hadal::arch::ConfigToJson(*read, true).Dump() == written.Dump());
  if (config->num_hidden_layers * config->n_routed_experts < 1000) {
    const auto count = hadal::arch::CountParameters(*config);
    HADAL_CHECK(count.active <= count.total);
  }
  return 0;
}
