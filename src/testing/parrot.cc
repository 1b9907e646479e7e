#include "testing/parrot.h"

#include <cstring>
#include <filesystem>
#include <random>

#include "base/check.h"
#include "base/json.h"
#include "io/file.h"

namespace hadal::testing {
namespace {

constexpr std::uint64_t kLengthBytes = 8;  // of the header, in front of it

// What the layers write to the streams ends with one of these products.
bool WritesToStreams(const std::string& name) {
  return name.ends_with(".wo_b.weight") || name.ends_with(".w2.weight");
}

}  // namespace

void MakeParrot(const std::string& from, const std::string& to,
                std::span<const std::int32_t> chain) {
  namespace fs = std::filesystem;
  for (const char* file : {"config.json", "generation_config.json", "tokenizer.json"})
    fs::copy_file(fs::path(from) / file, fs::path(to) / file);
  std::string bytes = io::ReadFile(from + "/model.safetensors").value();
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), sizeof(header_bytes));
  const Json header = ParseJson(std::string_view(bytes).substr(kLengthBytes, header_bytes)).value();
  const auto data_of = [&](const Json& tensor) {
    const Json::Array& at = *tensor.Find("data_offsets")->AsArray();
    const std::uint64_t begin = *at[0].AsUnsigned(), end = *at[1].AsUnsigned();
    return std::span<char>(bytes).subspan(kLengthBytes + header_bytes + begin, end - begin);
  };
  for (const auto& [name, tensor] : *header.AsObject())
    if (WritesToStreams(name)) std::ranges::fill(data_of(tensor), '\0');
  // An MTP block goes on from its token's embedding alone, as it is.
  if (const Json* projection = header.Find("mtp.0.e_proj.weight"); projection != nullptr) {
    std::ranges::fill(data_of(*header.Find("mtp.0.h_proj.weight")), '\0');
    std::ranges::fill(data_of(*header.Find("mtp.0.e_proj.scale")), '\x7F');  // 1 in E8M0
    const std::span<char> codes = data_of(*projection);
    std::ranges::fill(codes, '\0');
    const std::size_t dim = *projection->Find("shape")->AsArray()->at(0).AsUnsigned();
    for (std::size_t i = 0; i < dim; ++i) codes[i * (dim + 1)] = '\x38';  // 1 in E4M3
  }

  const Json& embed = *header.Find("embed.weight");
  const std::size_t row_bytes = 2 * *embed.Find("shape")->AsArray()->at(1).AsUnsigned();
  const std::span<char> embeddings = data_of(embed), head = data_of(*header.Find("head.weight"));
  HADAL_CHECK(embeddings.size() == head.size());
  // Of 1 and -1 by chance: rows that are nearly at right angles.
  std::mt19937_64 random(1);  // NOLINT(bugprone-random-generator-seed, cert-msc51-cpp)
  for (std::size_t at = 0; at < embeddings.size(); at += 2) {
    embeddings[at] = '\x80';
    embeddings[at + 1] = (random() & 1) != 0 ? '\x3F' : '\xBF';
  }
  std::ranges::fill(head, '\0');
  for (std::size_t i = 0; i + 1 < chain.size(); ++i)
    std::ranges::copy(embeddings.subspan(row_bytes * static_cast<std::size_t>(chain[i]), row_bytes),
                      head.begin() + static_cast<std::ptrdiff_t>(
                                         row_bytes * static_cast<std::size_t>(chain[i + 1])));
  HADAL_CHECK(io::WriteFile(to + "/model.safetensors", bytes).ok());
}

}  // namespace hadal::testing
