// 128 bits of XXH3 over bytes that come in pieces: names for contents that nobody forges.
#pragma once
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hadal::io {

struct Digest {
  std::uint64_t low = 0, high = 0;
  auto operator<=>(const Digest&) const = default;
  std::string Hex() const;                                      // 32 digits
  static std::optional<Digest> FromHex(std::string_view text);  // as Hex writes it
};

class Digester {
 public:
  Digester();
  Digester(Digester&&) = default;
  Digester& operator=(Digester&&) = default;
  ~Digester();

  Digester& Add(std::span<const std::byte> bytes);
  Digester& Add(std::string_view text);  // its length too, so that texts in a row are told apart
  Digester& Add(const Digest& digest);
  Digester& Add(std::uint64_t number);
  Digest Get() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hadal::io
