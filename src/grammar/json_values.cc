#include "grammar/json_values.h"

#include <algorithm>

#include "base/json.h"
#include "text/utf8.h"

namespace hadal::grammar {
namespace {

constexpr std::uint32_t kLastCode = 0x10FFFF;
constexpr std::size_t kDigits = 15, kIndent = 32;

}  // namespace

Piece JsonValues::Space() {
  if (!space_) {
    const Piece indent = b_.Any({b_.Text(" "), b_.Text("\t")});
    space_ = b_.Rule(
        b_.Any({b_.Empty(), b_.Text(" "), b_.Seq({b_.Text("\n"), b_.Repeat(indent, 0, kIndent)})}));
  }
  return b_.Call(*space_);
}

Piece JsonValues::Literal(const Json& value) {
  if (const Json::Array* items = value.AsArray(); items != nullptr) {
    std::vector<Piece> pieces;
    for (const Json& item : *items) pieces.push_back(Literal(item));
    return Between("[", pieces, "]");
  }
  if (const Json::Object* members = value.AsObject(); members != nullptr) {
    std::vector<Piece> pieces;
    for (const auto& [key, member] : *members)
      pieces.push_back(Member(Scalar(Json(key)), Literal(member)));
    return Between("{", pieces, "}");
  }
  return Scalar(value);
}

Piece JsonValues::Between(const char* open, const std::vector<Piece>& items, const char* close) {
  std::vector<Piece> pieces = {b_.Text(open), Space()};
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) pieces.push_back(Comma());
    pieces.push_back(items[i]);
  }
  pieces.push_back(Space());
  pieces.push_back(b_.Text(close));
  return b_.Seq(pieces);
}

Piece JsonValues::Scalar(const Json& value) {
  std::string text = value.Dump();
  if (b_.escaped()) {
    std::string code;
    text::AppendUtf8(*b_.escaped(), &code);
    for (std::size_t at = 0; (at = text.find(code, at)) != text.npos;)
      text.replace(at, code.size(), fmt::format("\\u{:04x}", *b_.escaped()));
  }
  return b_.Text(text);
}

Piece JsonValues::Comma() { return b_.Seq({Space(), b_.Text(","), Space()}); }

std::size_t JsonValues::CharacterRule() {
  if (b_.character()) return *b_.character();
  const Piece plain = b_.Characters({{0x20, 0x21}, {0x23, 0x5B}, {0x5D, kLastCode}});
  std::vector<Piece> escapes;
  for (const char c : {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'})
    escapes.push_back(b_.Text({&c, 1}));
  // \uXXXX of the characters that can be written in no other way; others are written as they are.
  escapes.push_back(b_.Seq({b_.Text("u00"), b_.Bytes('0', '1'),
                            b_.Any({b_.Bytes('0', '9'), b_.Bytes('a', 'f'), b_.Bytes('A', 'F')})}));
  if (b_.escaped()) escapes.push_back(b_.Text(fmt::format("u{:04x}", *b_.escaped())));
  b_.SetCharacter(b_.Rule(b_.Any({plain, b_.Seq({b_.Text("\\"), b_.Any(escapes)})})));
  return *b_.character();
}

Piece JsonValues::String(std::size_t least, std::size_t most) {
  return b_.Seq({b_.Text("\""), b_.Calls(CharacterRule(), least, most), b_.Text("\"")});
}

Piece JsonValues::Integer() {
  if (!integer_)
    integer_ = b_.Rule(b_.Seq(
        {b_.Optional(b_.Text("-")),
         b_.Any({b_.Text("0"),
                 b_.Seq({b_.Bytes('1', '9'), b_.Repeat(b_.Bytes('0', '9'), 0, kDigits - 1)})})}));
  return b_.Call(*integer_);
}

Piece JsonValues::Number() {
  if (!number_) {
    const Piece fraction = b_.Seq({b_.Text("."), b_.Repeat(b_.Bytes('0', '9'), 1, kDigits)});
    const Piece exponent = b_.Seq({b_.Any({b_.Text("e"), b_.Text("E")}),
                                   b_.Optional(b_.Any({b_.Text("+"), b_.Text("-")})),
                                   b_.Repeat(b_.Bytes('0', '9'), 1, 2)});
    number_ = b_.Rule(b_.Seq({Integer(), b_.Optional(fraction), b_.Optional(exponent)}));
  }
  return b_.Call(*number_);
}

Piece JsonValues::Member(Piece key, Piece value) {
  return b_.Seq({key, Space(), b_.Text(":"), Space(), value});
}

Piece JsonValues::List(Piece item, std::size_t least, std::size_t most) {
  if (most == 0) return b_.Empty();
  const std::size_t more_least = least == 0 ? 0 : least - 1;
  const std::size_t more_most = most == kMany ? kMany : most - 1;
  const std::size_t rule = b_.Rule(item);  // a copy of it would be copied again in lists of lists
  const std::size_t another = b_.Rule(b_.Seq({Comma(), b_.Call(rule)}));
  const Piece list = b_.Seq({b_.Call(rule), b_.Calls(another, more_least, more_most)});
  return least == 0 ? b_.Optional(list) : list;
}

std::size_t JsonValues::ValueRule() {
  if (value_) return *value_;
  value_ = b_.NewRule();
  object_ = b_.NewRule();
  array_ = b_.NewRule();
  const Piece member = Member(String(), b_.Call(*value_));
  b_.Define(*object_,
            b_.Seq({b_.Text("{"), Space(), List(member, 0, kMany), Space(), b_.Text("}")}));
  b_.Define(*array_, b_.Seq({b_.Text("["), Space(), List(b_.Call(*value_), 0, kMany), Space(),
                             b_.Text("]")}));
  b_.Define(*value_, b_.Any({b_.Call(*object_), b_.Call(*array_), String(), Number(),
                             b_.Text("true"), b_.Text("false"), b_.Text("null")}));
  return *value_;
}

Piece JsonValues::Value() { return b_.Call(ValueRule()); }

Piece JsonValues::AnyObject() {
  ValueRule();
  return b_.Call(*object_);
}

Piece JsonValues::AnyArray() {
  ValueRule();
  return b_.Call(*array_);
}

Piece JsonValues::KeyOtherThan(std::vector<std::string> keys) {
  // A key with a character that must be escaped cannot be met.
  std::erase_if(keys, [](const std::string& key) {
    return std::ranges::any_of(
        key, [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; });
  });
  std::ranges::sort(keys);
  // Bytes of a key that lie in a string without an escape. What begins no key is free from there
  // on.
  const auto rest = [&] {
    return b_.Repeat(b_.Characters({{0x20, 0x21}, {0x23, 0x5B}, {0x5D, kLastCode}}), 0, kMany);
  };
  // The texts that differ from all of keys[first..last), which share their first `at` characters.
  const auto other = [&](auto&& self, std::size_t first, std::size_t last,
                         std::size_t at) -> Piece {
    std::vector<Piece> choices;
    if (keys[first].size() != at) choices.push_back(b_.Empty());  // this prefix itself is no key
    std::vector<std::pair<std::uint32_t, std::uint32_t>> free;
    std::uint32_t next_free = 0x20;
    const auto skip = [&](std::uint32_t code) {
      if (next_free < code) free.push_back({next_free, code - 1});
      next_free = code + 1;
    };
    std::vector<std::uint32_t> taken = {'"', '\\'};
    for (std::size_t i = first; i < last; ++i)
      if (keys[i].size() > at && static_cast<unsigned char>(keys[i][at]) < 0x80)
        taken.push_back(static_cast<unsigned char>(keys[i][at]));
    std::ranges::sort(taken);
    for (const std::uint32_t code : taken)
      if (code >= next_free) skip(code);
    // Where a key goes on beyond ASCII, other keys go on within it.
    bool beyond = false;
    for (std::size_t i = first; i < last; ++i)
      beyond = beyond || (keys[i].size() > at && static_cast<unsigned char>(keys[i][at]) >= 0x80);
    const std::uint32_t end = beyond ? 0x7F : kLastCode;
    if (next_free <= end) free.push_back({next_free, end});
    choices.push_back(b_.Seq({b_.Characters(free), rest()}));
    for (std::size_t i = first; i < last;) {
      std::size_t same = i + 1;
      if (keys[i].size() == at || static_cast<unsigned char>(keys[i][at]) >= 0x80) {
        ++i;
        continue;
      }
      while (same < last && keys[same].size() > at && keys[same][at] == keys[i][at]) ++same;
      choices.push_back(b_.Seq({b_.Text({&keys[i][at], 1}), self(self, i, same, at + 1)}));
      i = same;
    }
    return b_.Any(choices);
  };
  const Piece inside = keys.empty() ? rest() : other(other, 0, keys.size(), 0);
  return b_.Seq({b_.Text("\""), inside, b_.Text("\"")});
}

}  // namespace hadal::grammar
