#include "grammar/pattern.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace hadal::grammar {
namespace {

using Range = std::pair<std::uint32_t, std::uint32_t>;
using Ranges = std::vector<Range>;

constexpr std::uint32_t kLastCode = 0x10FFFF;
constexpr std::size_t kMostRepeats = 1000, kDeepest = 50;

Ranges Opposite(Ranges ranges) {
  std::ranges::sort(ranges);
  Ranges out;
  std::uint32_t next = 0;
  for (const auto& [lo, hi] : ranges) {
    if (next < lo) out.push_back({next, lo - 1});
    next = std::max(next, hi + 1);
  }
  if (next <= kLastCode) out.push_back({next, kLastCode});
  return out;
}

const Ranges kDigit = {{'0', '9'}};
const Ranges kWord = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const Ranges kWhite = {{9, 13},          {32, 32},         {0xA0, 0xA0},     {0x1680, 0x1680},
                       {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                       {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const Ranges kLineEnds = {{10, 10}, {13, 13}, {0x2028, 0x2029}};

// A character of these ranges as a JSON string spells it.
Piece Spelt(Builder& b, const Ranges& ranges) {
  constexpr std::pair<std::uint32_t, const char*> kEscapes[] = {
      {'"', "\\\""}, {'\\', "\\\\"}, {8, "\\b"}, {12, "\\f"}, {10, "\\n"}, {13, "\\r"}, {9, "\\t"}};
  std::vector<Piece> choices;
  const auto holds = [&](std::uint32_t code) {
    return std::ranges::any_of(ranges,
                               [&](const Range& r) { return r.first <= code && code <= r.second; });
  };
  for (const auto& [code, text] : kEscapes)
    if (holds(code)) choices.push_back(b.Text(text));
  if (b.escaped() && holds(*b.escaped()))
    choices.push_back(b.Text(fmt::format("\\u{:04x}", *b.escaped())));
  Ranges plain;
  for (const auto& [lo, hi] : ranges)
    for (const auto& [from, to] : {Range{0x20, 0x21}, Range{0x23, 0x5B}, Range{0x5D, kLastCode}})
      if (std::max(lo, from) <= std::min(hi, to))
        plain.push_back({std::max(lo, from), std::min(hi, to)});
  choices.push_back(b.Characters(plain));
  return b.Any(choices);
}

class Reader {
 public:
  Reader(Builder& b, std::string_view text) : b_(b), text_(text) {}

  Result<Piece> Run() {
    std::vector<Piece> choices;
    do {
      const bool begins = Take('^');
      HADAL_TRY(const Piece body, Sequence(0));
      const bool ends = Take('$');
      std::vector<Piece> parts;
      if (!begins) parts.push_back(AnyText());
      parts.push_back(body);
      if (!ends) parts.push_back(AnyText());
      choices.push_back(b_.Seq(parts));
    } while (Take('|'));
    if (at_ != text_.size()) return Unexpected();
    return b_.Any(choices);
  }

 private:
  Piece AnyText() { return b_.Repeat(Spelt(b_, {{0, kLastCode}}), 0, kMany); }
  bool AtEnd() const { return at_ == text_.size(); }
  char Peek() const { return AtEnd() ? '\0' : text_[at_]; }
  bool Take(char c) {
    if (AtEnd() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool TakeText(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  Error Unexpected() const {
    return AtEnd() ? Fail(Code::kInvalid, "pattern ends early")
                   : Fail(Code::kInvalid, "pattern: found '{}' at byte {}", text_[at_], at_);
  }
  Error Unsupported(std::string_view what) const {
    return Fail(Code::kUnsupported, "pattern: {} at byte {} is not supported", what, at_);
  }

  Result<Piece> Alternatives(std::size_t depth) {
    std::vector<Piece> choices;
    do {
      HADAL_TRY(const Piece choice, Sequence(depth));
      choices.push_back(choice);
    } while (Take('|'));
    return b_.Any(choices);
  }

  Result<Piece> Sequence(std::size_t depth) {
    if (depth > kDeepest) return Unsupported("nesting so deep");
    std::vector<Piece> parts = {b_.Empty()};
    while (!AtEnd() && Peek() != '|' && Peek() != ')') {
      if (Peek() == '$' && (depth == 0)) break;
      if (Peek() == '^' || Peek() == '$') return Unsupported("an anchor inside");
      HADAL_TRY(const Piece atom, Atom(depth));
      HADAL_TRY(const Piece repeated, Repeated(atom));
      parts.push_back(repeated);
    }
    return b_.Seq(parts);
  }

  Result<Piece> Repeated(Piece piece) {
    std::size_t least = 1, most = 1;
    if (Take('*')) {
      least = 0, most = kMany;
    } else if (Take('+')) {
      most = kMany;
    } else if (Take('?')) {
      least = 0;
    } else if (Take('{')) {
      HADAL_TRY(least, Count());
      most = least;
      if (Take(',')) {
        most = kMany;
        if (Peek() != '}') {
          HADAL_TRY(most, Count());
        }
      }
      if (!Take('}') || most < least) return Unexpected();
    } else {
      return piece;
    }
    Take('?');  // lazy: the same texts
    return b_.Repeat(piece, least, most);
  }

  Result<std::size_t> Count() {
    std::size_t value = 0;
    if (Peek() < '0' || Peek() > '9') return Unexpected();
    while (Peek() >= '0' && Peek() <= '9') {
      value = value * 10 + static_cast<std::size_t>(text_[at_++] - '0');
      if (value > kMostRepeats) return Unsupported("a count above 1000");
    }
    return value;
  }

  Result<Piece> Atom(std::size_t depth) {
    if (Take('(')) {
      if (TakeText("?<")) {  // a name
        if (Peek() == '=' || Peek() == '!') return Unsupported("look-behind");
        while (!AtEnd() && Peek() != '>') ++at_;
        if (!Take('>')) return Unexpected();
      } else if (!TakeText("?:") && Peek() == '?') {
        return Unsupported("look-ahead");
      }
      HADAL_TRY(const Piece inside, Alternatives(depth + 1));
      if (!Take(')')) return Unexpected();
      return inside;
    }
    if (Take('[')) {
      HADAL_TRY(const Ranges ranges, Class());
      return Spelt(b_, ranges);
    }
    if (Take('.')) return Spelt(b_, Opposite(kLineEnds));
    if (Peek() == '*' || Peek() == '+' || Peek() == '?' || Peek() == '{') return Unexpected();
    HADAL_TRY(const Ranges one, Character());
    return Spelt(b_, one);
  }

  Result<Ranges> Class() {
    const bool opposite = Take('^');
    Ranges ranges;
    while (!Take(']')) {
      if (AtEnd()) return Unexpected();
      HADAL_TRY(Ranges from, Character());
      if (Peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        HADAL_TRY(const Ranges to, Character());
        if (from.size() != 1 || to.size() != 1 || from[0].first > to[0].second) return Unexpected();
        from = {{from[0].first, to[0].second}};
      }
      ranges.insert(ranges.end(), from.begin(), from.end());
    }
    return opposite ? Opposite(ranges) : ranges;
  }

  // One character, or an escape that stands for one or a class.
  Result<Ranges> Character() {
    if (!Take('\\')) {
      HADAL_TRY(const std::uint32_t code, Utf8());
      return Ranges{{code, code}};
    }
    if (AtEnd()) return Unexpected();
    const char c = text_[at_++];
    switch (c) {
      case 'd':
        return kDigit;
      case 'D':
        return Opposite(kDigit);
      case 'w':
        return kWord;
      case 'W':
        return Opposite(kWord);
      case 's':
        return kWhite;
      case 'S':
        return Opposite(kWhite);
      case 'n':
        return Ranges{{10, 10}};
      case 'r':
        return Ranges{{13, 13}};
      case 't':
        return Ranges{{9, 9}};
      case 'f':
        return Ranges{{12, 12}};
      case 'v':
        return Ranges{{11, 11}};
      case 'x':
        return Hex(2);
      case 'u':
        return Hex(4);
      default:
        break;
    }
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      --at_;
      return Unsupported(std::string("\\") + c);
    }
    return Ranges{{static_cast<unsigned char>(c), static_cast<unsigned char>(c)}};
  }

  Result<Ranges> Hex(std::size_t digits) {
    std::uint32_t code = 0;
    for (std::size_t i = 0; i < digits; ++i, ++at_) {
      constexpr std::string_view kHex = "0123456789abcdef";
      const char c = Peek();
      const std::size_t digit = kHex.find(static_cast<char>(c >= 'A' && c <= 'F' ? c + 32 : c));
      if (AtEnd() || digit == kHex.npos) return Unexpected();
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return Ranges{{code, code}};
  }

  Result<std::uint32_t> Utf8() {
    if (AtEnd()) return Unexpected();
    const auto lead = static_cast<unsigned char>(text_[at_]);
    const std::size_t bytes = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (at_ + bytes > text_.size()) return Unexpected();
    std::uint32_t code = bytes == 1 ? lead : lead & (0x7Fu >> bytes);
    for (std::size_t i = 1; i < bytes; ++i)
      code = code << 6 | (static_cast<unsigned char>(text_[at_ + i]) & 0x3Fu);
    at_ += bytes;
    return code;
  }

  Builder& b_;
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<Piece> Pattern(Builder& b, std::string_view pattern) { return Reader(b, pattern).Run(); }

}  // namespace hadal::grammar
