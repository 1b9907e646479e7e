#include "text/utf8.h"

#include <algorithm>
#include <cstring>

namespace hadal::text {
namespace {

struct Lead {
  std::size_t bytes;        // of a whole character; 0: no character begins so
  unsigned char low, high;  // what the second byte may be; the others are 80..BF
};

Lead LeadOf(unsigned char b) {
  if (b < 0x80) return {1, 0, 0};
  if (b < 0xC2) return {0, 0, 0};  // a continuation, or an overlong form
  if (b < 0xE0) return {2, 0x80, 0xBF};
  if (b == 0xE0) return {3, 0xA0, 0xBF};
  if (b == 0xED) return {3, 0x80, 0x9F};  // no surrogates
  if (b < 0xF0) return {3, 0x80, 0xBF};
  if (b == 0xF0) return {4, 0x90, 0xBF};
  if (b < 0xF4) return {4, 0x80, 0xBF};
  if (b == 0xF4) return {4, 0x80, 0x8F};  // nothing above U+10FFFF
  return {0, 0, 0};
}

std::size_t AsciiPrefix(std::string_view text) {
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    if (word & 0x8080808080808080u) break;
  }
  while (i < text.size() && static_cast<unsigned char>(text[i]) < 0x80) ++i;
  return i;
}

}  // namespace

Utf8Step StepUtf8(std::string_view text) {
  if (text.empty()) return {0, true, false};
  const Lead lead = LeadOf(static_cast<unsigned char>(text[0]));
  if (lead.bytes == 0) return {1, false, false};
  for (std::size_t i = 1; i < lead.bytes; ++i) {
    if (i == text.size()) return {i, false, true};
    const auto b = static_cast<unsigned char>(text[i]);
    const unsigned char low = i == 1 ? lead.low : 0x80, high = i == 1 ? lead.high : 0xBF;
    if (b < low || b > high) return {i, false, false};
  }
  return {lead.bytes, true, false};
}

std::size_t ValidUtf8Prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    at += AsciiPrefix(text.substr(at));
    const Utf8Step step = StepUtf8(text.substr(at));
    if (!step.valid) return at;
    at += step.bytes;
  }
  return at;
}

void AppendLossy(std::string_view bytes, std::string* out) {
  while (true) {
    const std::size_t good = ValidUtf8Prefix(bytes);
    out->append(bytes.substr(0, good));
    bytes.remove_prefix(good);
    if (bytes.empty()) return;
    out->append(kReplacement);
    bytes.remove_prefix(StepUtf8(bytes).bytes);
  }
}

std::size_t IncompleteUtf8Tail(std::string_view bytes) {
  for (std::size_t n = 1; n <= std::min<std::size_t>(3, bytes.size()); ++n) {
    const std::string_view tail = bytes.substr(bytes.size() - n);
    const Utf8Step step = StepUtf8(tail);
    if (step.incomplete && step.bytes == n) return n;
    if ((static_cast<unsigned char>(tail[0]) & 0xC0) != 0x80) return 0;  // not a continuation
  }
  return 0;
}

Utf8Char FirstUtf8Char(std::string_view valid) {
  const auto byte = [&](std::size_t i) {
    return std::uint32_t{static_cast<unsigned char>(valid[i])};
  };
  const std::size_t bytes = LeadOf(static_cast<unsigned char>(valid[0])).bytes;
  if (bytes == 1) return {byte(0), 1};
  std::uint32_t code = byte(0) & (0xFFu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) code = code << 6 | (byte(i) & 0x3F);
  return {code, bytes};
}

void AppendUtf8(std::uint32_t code, std::string* out) {
  const auto put = [out](std::uint32_t b) { out->push_back(static_cast<char>(b)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

}  // namespace hadal::text
