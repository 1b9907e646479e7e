// The byte-level alphabet: each of the 256 bytes is written as one printable character, so that a
// vocabulary of byte strings can be kept as readable text.
//
// The bytes 21..7E, A1..AC and AE..FF stand for the character of the same number; the other 68, in
// ascending order, for U+0100, U+0101, ... (a space is therefore written as U+0120).
// Source: GPT-2 (Radford et al. 2019), its byte-to-character table.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hadal::text {

std::uint32_t ByteChar(unsigned char byte);  // the character that stands for it
std::optional<unsigned char> CharByte(std::uint32_t code);

std::string ToByteLevel(std::string_view bytes);
// nullopt if a character of the (valid UTF-8) text stands for no byte.
std::optional<std::string> FromByteLevel(std::string_view text);

// The bytes in the order of their characters, which is the order of their ids in published files.
std::array<unsigned char, 256> BytesInCharOrder();

}  // namespace hadal::text
