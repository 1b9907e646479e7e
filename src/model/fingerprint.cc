#include "model/fingerprint.h"

#include <algorithm>
#include <string>

#include "io/checksum.h"
#include "model/inventory.h"

namespace hadal::model {
namespace {

constexpr std::size_t kSampleBytes = 64;

}  // namespace

std::uint64_t Fingerprint(const Model& model, const KvLayout& layout) {
  std::string text = ConfigToJson(model.config, false).Dump();
  text += fmt::format("|{} {} {} {} {}", layout.window, layout.entry_bytes, layout.index_key_bytes,
                      layout.page_bytes, layout.fixed_bytes);
  const io::Checkpoint& checkpoint = model.checkpoint();
  for (const std::string& name : checkpoint.Names()) {
    if (ComponentOf(name) == Component::kExperts || name.find(".experts.") != std::string::npos)
      continue;
    const auto view = checkpoint.Find(name);
    HADAL_CHECK(view.ok());
    text += fmt::format("|{} {} {} ", name, DTypeName(view->dtype), io::FormatShape(view->shape));
    text.append(reinterpret_cast<const char*>(view->data.data()),
                std::min(kSampleBytes, view->data.size()));
  }
  return io::Checksum(std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace hadal::model
