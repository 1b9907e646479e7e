#include "text/byte_level.h"

#include <algorithm>

#include "text/utf8.h"

namespace hadal::text {
namespace {

constexpr std::size_t kChars = 256 + 68;

constexpr bool StandsForItself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Tables {
  std::array<std::uint16_t, 256> to_char{};
  std::array<std::int16_t, kChars> to_byte{};
};

constexpr Tables MakeTables() {
  Tables tables;
  for (auto& byte : tables.to_byte) byte = -1;
  unsigned next = 256;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const unsigned code = StandsForItself(byte) ? byte : next++;
    tables.to_char[byte] = static_cast<std::uint16_t>(code);
    tables.to_byte[code] = static_cast<std::int16_t>(byte);
  }
  return tables;
}

constexpr Tables kTables = MakeTables();

}  // namespace

std::uint32_t ByteChar(unsigned char byte) { return kTables.to_char[byte]; }

std::optional<unsigned char> CharByte(std::uint32_t code) {
  if (code >= kChars || kTables.to_byte[code] < 0) return std::nullopt;
  return static_cast<unsigned char>(kTables.to_byte[code]);
}

std::string ToByteLevel(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() + bytes.size() / 4);
  for (const char byte : bytes) AppendUtf8(ByteChar(static_cast<unsigned char>(byte)), &text);
  return text;
}

std::optional<std::string> FromByteLevel(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  while (!text.empty()) {
    const Utf8Char c = FirstUtf8Char(text);
    const auto byte = CharByte(c.code);
    if (!byte) return std::nullopt;
    bytes.push_back(static_cast<char>(*byte));
    text.remove_prefix(c.bytes);
  }
  return bytes;
}

std::array<unsigned char, 256> BytesInCharOrder() {
  std::array<unsigned char, 256> bytes{};
  for (unsigned i = 0; i < 256; ++i) bytes[i] = static_cast<unsigned char>(i);
  std::ranges::sort(bytes, {}, ByteChar);
  return bytes;
}

}  // namespace hadal::text
