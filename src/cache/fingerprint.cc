#include "cache/fingerprint.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "arch/tensor_names.h"
#include "io/checksum.h"
#include "io/tensor_starts.h"

namespace hadal::cache {
namespace {

constexpr std::size_t kSampleBytes = 4096;  // what a page of the file has to be read for anyway

// A weight of a routed expert, or its scales.
bool IsOfRoutedExpert(std::string_view name) {
  return arch::IsRoutedExpert(arch::Recognise(name).id.role);
}

}  // namespace

std::uint64_t Fingerprint(const model::Model& model, const arch::KvLayout& layout) {
  std::string text = arch::ConfigToJson(model.config, false).Dump();
  text += fmt::format("|{} {} {} {} {}", layout.window, layout.entry_bytes, layout.index_key_bytes,
                      layout.page_bytes, layout.fixed_bytes);
  const io::Checkpoint& checkpoint = model.checkpoint();
  io::TensorStarts starts(checkpoint);
  const std::vector<std::string> names = checkpoint.Names();
  const auto experts = static_cast<std::size_t>(std::ranges::count_if(names, IsOfRoutedExpert));
  std::uint64_t samples = 0;
  std::vector<std::byte> sample;
  for (const std::string& name : names) {
    const auto view = checkpoint.Find(name);
    HADAL_CHECK(view.ok());
    text += fmt::format("|{} {} {}", name, DTypeName(view->dtype), io::FormatShape(view->shape));
    // By a hash of the name: every n-th tensor could be the same matrix of each expert.
    const std::uint64_t hash = io::Checksum(std::as_bytes(std::span(name.data(), name.size())));
    if (IsOfRoutedExpert(name) && hash % experts >= kSampledExperts) continue;
    const io::TensorInfo& info = *checkpoint.Info(name);
    sample.resize(std::min<std::uint64_t>(kSampleBytes, info.end - info.begin));
    // What cannot be read counts as other weights: its users then find nothing that fits.
    if (!starts.Copy(name, sample).ok()) sample.assign(1, std::byte{0xFF});
    samples = io::Checksum(sample, samples);
  }
  return io::Checksum(std::as_bytes(std::span(text.data(), text.size())), samples);
}

}  // namespace hadal::cache
