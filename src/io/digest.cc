#include "io/digest.h"

#include <fmt/format.h>

#include <charconv>
#define XXH_STATIC_LINKING_ONLY  // for the state's size
#include <xxhash.h>

namespace hadal::io {

std::string Digest::Hex() const { return fmt::format("{:016x}{:016x}", high, low); }

std::optional<Digest> Digest::FromHex(std::string_view text) {
  Digest digest;
  const auto read = [](std::string_view digits, std::uint64_t* value) {
    const char* end = digits.data() + digits.size();
    return std::from_chars(digits.data(), end, *value, 16).ptr == end;
  };
  if (text.size() != 32 || !read(text.substr(0, 16), &digest.high) ||
      !read(text.substr(16), &digest.low) || digest.Hex() != text)
    return std::nullopt;
  return digest;
}

struct Digester::State {
  XXH3_state_t xxh;
};

Digester::Digester() : state_(std::make_unique<State>()) { XXH3_128bits_reset(&state_->xxh); }
Digester::~Digester() = default;

Digester& Digester::Add(std::span<const std::byte> bytes) {
  XXH3_128bits_update(&state_->xxh, bytes.data(), bytes.size());
  return *this;
}

Digester& Digester::Add(std::string_view text) {
  Add(std::uint64_t{text.size()});
  return Add(std::as_bytes(std::span(text.data(), text.size())));
}

Digester& Digester::Add(const Digest& digest) { return Add(digest.low).Add(digest.high); }

Digester& Digester::Add(std::uint64_t number) { return Add(std::as_bytes(std::span(&number, 1))); }

Digest Digester::Get() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(&state_->xxh);
  return {.low = hash.low64, .high = hash.high64};
}

}  // namespace hadal::io
