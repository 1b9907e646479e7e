#include "chat/call_grammar.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/quote.h"
#include "grammar/builder.h"
#include "grammar/schema_apart.h"

namespace hadal::chat {
namespace {

using grammar::Builder;
using grammar::Piece;

constexpr std::uint32_t kLastCode = 0x10FFFF;

class CallWriter {
 public:
  CallWriter(const Dialect& dialect, const CallGrammarOptions& options)
      : d_(dialect),
        o_(options),
        dsml_(options.dsml.empty() ? dialect.dsml : options.dsml),
        b_(options.limits.states) {
    b_.EscapeBars();
  }

  Result<grammar::Grammar> Run(std::span<const Json> tools) && {
    const std::size_t whole = b_.NewRule();
    std::vector<Piece> calls;
    for (const Json& tool : tools) {
      const Json* name = tool.Find("name");
      if (name == nullptr || name->AsString() == nullptr)
        return Fail(Code::kInvalid, "tools[{}].name: expected a string", calls.size());
      if (!o_.only.empty() && *name->AsString() != o_.only) continue;
      HADAL_TRY(const Piece call, Call(*name->AsString(), tool.Find("parameters")));
      calls.push_back(call);
    }
    if (calls.empty() && o_.only.empty())
      return Fail(Code::kInvalid, "tool_choice: a call is required, but there are no tools");
    if (calls.empty())
      return Fail(Code::kInvalid, "tool_choice: {} is not among the tools", Quote(o_.only));
    const Piece call = b_.Seq({b_.Any(calls), b_.Text("\n")});
    b_.Define(whole, b_.Seq({b_.Text("\n\n" + Open(d_.tool_calls, ">\n")),
                             b_.Calls(b_.Rule(call), 1, o_.parallel ? grammar::kMany : 1),
                             b_.Text(Close(d_.tool_calls))}));
    auto made = std::move(b_).Finish();
    if (!made.ok()) return Within("tools", made.error());
    return made;
  }

 private:
  std::string Open(std::string_view name, std::string_view end) const {
    return "<" + dsml_ + std::string(name) + std::string(end);
  }
  std::string Close(std::string_view name) const { return "</" + dsml_ + std::string(name) + ">"; }

  Result<Piece> Call(const std::string& name, const Json* parameters) {
    if (name.find_first_of("\"<>\n") != name.npos)
      return Fail(Code::kInvalid, "tools: a function named {} cannot be called", Quote(name));
    const Json none = Json::MakeObject({});
    const Json& schema = parameters == nullptr || parameters->is_null() ? none : *parameters;
    grammar::SchemaPieces schemas(b_, schema, o_.limits);
    const std::string place = name + ".parameters";
    HADAL_TRY(const Json* object, schemas.Followed(schema, place));
    HADAL_TRY(const Piece arguments, Arguments(schemas, *object, place));
    return b_.Seq({b_.Text(Open("invoke", " name=\"" + name + "\">\n")), arguments,
                   b_.Text("\n" + Close("invoke"))});
  }

  Result<Piece> Arguments(grammar::SchemaPieces& schemas, const Json& schema,
                          const std::string& place) {
    if (schema.AsObject() == nullptr)
      return Fail(Code::kInvalid, "{}: found {}, expected an object", place, schema.KindName());
    constexpr std::string_view kKnown[] = {
        "type",        "properties", "required", "additionalProperties", "$defs",
        "definitions", "$schema",    "title",    "description",          "strict"};
    for (const auto& [key, value] : *schema.AsObject())
      if (std::ranges::find(kKnown, key) == std::end(kKnown))
        return Fail(Code::kUnsupported, "{}: {} is not supported for arguments", place, key);
    HADAL_TRY(const std::vector<std::string> types, grammar::SchemaTypes(schema, place));
    if (std::ranges::find(types, "object") == types.end())
      return Fail(Code::kInvalid, "{}.type: found {}, expected \"object\"", place,
                  Quote(schema.Find("type")->Dump()));
    HADAL_TRY(std::vector<std::string> required, grammar::SchemaRequired(schema, place));
    std::vector<Builder::Item> items;
    const Json* properties = schema.Find("properties");
    const Json none = Json::MakeObject({});
    if (properties == nullptr || properties->is_null()) properties = &none;
    if (properties->AsObject() == nullptr)
      return Fail(Code::kInvalid, "{}.properties: found {}, expected an object", place,
                  properties->KindName());
    for (const auto& [key, property] : *properties->AsObject()) {
      HADAL_TRY(const Piece piece,
                Parameter(schemas, key, property, fmt::format("{}.properties.{}", place, key)));
      items.push_back({piece, std::erase(required, key) > 0});
    }
    // What is required and not described is an additional one.
    const Json anything(true);
    const Json* others = schema.Find("additionalProperties");
    if (others == nullptr) others = &anything;
    for (const std::string& key : required) {
      HADAL_TRY(const Piece piece,
                Parameter(schemas, key, *others, fmt::format("{}.{}", place, key)));
      items.push_back({piece, true});
    }
    return b_.InOrder(items, b_.Text("\n"), std::nullopt);
  }

  Result<Piece> Parameter(grammar::SchemaPieces& schemas, const std::string& key,
                          const Json& schema, const std::string& place) {
    if (key.find_first_of("\"<>\n") != key.npos)
      return Fail(Code::kInvalid, "{}: a parameter of this name cannot be written", place);
    const auto form = [&](const char* is_text, Piece value) {
      return b_.Seq(
          {b_.Text(Open("parameter", " name=\"" + key + "\" string=\"") + is_text + "\">"), value,
           b_.Text(Close("parameter"))});
    };
    HADAL_TRY(const Json* followed, schemas.Followed(schema, place));
    HADAL_TRY(const Strings strings, PlainStrings(schemas, *followed, place));
    std::vector<Piece> forms;
    if (strings.piece) forms.push_back(form("true", *strings.piece));
    if (!strings.nothing_else) {
      HADAL_TRY(const Piece value, schemas.Value(schema, place));
      forms.push_back(form("false", value));
    }
    return b_.Any(forms);
  }

  // The strings that a schema accepts, as they are; and whether it accepts nothing else.
  struct Strings {
    std::optional<Piece> piece;
    bool nothing_else = false;
  };
  Result<Strings> PlainStrings(grammar::SchemaPieces& schemas, const Json& schema,
                               const std::string& place) {
    if (schema.AsObject() == nullptr) return Strings{};
    if (const Json* any = schema.Find("anyOf"); any != nullptr && any->AsArray() != nullptr) {
      std::vector<Piece> pieces;
      bool nothing_else = true;
      for (const Json& branch : *any->AsArray()) {
        HADAL_TRY(const Json* followed, schemas.Followed(branch, place));
        if (followed->Find("anyOf") != nullptr) return Strings{};
        HADAL_TRY(const Strings strings, PlainStrings(schemas, *followed, place));
        if (strings.piece) pieces.push_back(*strings.piece);
        nothing_else = nothing_else && strings.nothing_else;
      }
      if (pieces.empty()) return Strings{};
      return Strings{b_.Any(pieces), nothing_else};
    }
    HADAL_TRY(const std::vector<std::string> types, grammar::SchemaTypes(schema, place));
    if (std::ranges::find(types, "string") == types.end()) return Strings{};
    // One value, an array too, or an array of values: what is neither is refused with the rest.
    if (const Json* value = schema.Find("const"); value != nullptr) return Listed({value, 1});
    if (const Json* values = schema.Find("enum"); values != nullptr)
      return values->AsArray() != nullptr ? Listed(*values->AsArray()) : Strings{};
    for (const char* key : {"pattern", "minLength", "maxLength", "oneOf", "allOf"})
      if (schema.Find(key) != nullptr) return Strings{};
    if (schema.Find("type") == nullptr) return Strings{};
    return Strings{FreeText(), types.size() == 1};
  }

  Strings Listed(std::span<const Json> values) {
    std::vector<Piece> texts;
    bool nothing_else = true;
    for (const Json& value : values) {
      const bool plain =
          value.AsString() != nullptr && value.AsString()->find("</") == std::string::npos;
      nothing_else = nothing_else && plain;
      if (plain) texts.push_back(b_.Text(*value.AsString()));
    }
    if (texts.empty()) return Strings{};
    return Strings{b_.Any(texts), nothing_else};
  }

  // Any text that does not begin a closing tag: no "</" in front of U+FF5C, which Characters leaves
  // out.
  Piece FreeText() {
    if (!free_text_) {
      const std::uint32_t text = b_.NewNode(), less = b_.NewNode(), slash = b_.NewNode();
      const auto add = [&](std::uint32_t from, Piece piece, std::uint32_t to) {
        b_.Link(from, piece.first);
        b_.Link(piece.last, to);
      };
      for (const std::uint32_t from : {text, less, slash}) add(from, b_.Text("<"), less);
      add(less, b_.Text("/"), slash);
      add(text, b_.Characters({{'\t', '\n'}, {' ', '<' - 1}, {'<' + 1, kLastCode}}), text);
      add(slash, b_.Characters({{'\t', '\n'}, {' ', '<' - 1}, {'<' + 1, kLastCode}}), text);
      add(less,
          b_.Characters({{'\t', '\n'}, {' ', '/' - 1}, {'/' + 1, '<' - 1}, {'<' + 1, kLastCode}}),
          text);
      for (const std::uint32_t from : {text, less}) add(from, b_.Text("\uFF5C"), text);
      const std::uint32_t end = b_.NewNode();
      for (const std::uint32_t from : {text, less, slash}) b_.Link(from, end);
      free_text_ = b_.Rule({text, end});
    }
    return b_.Call(*free_text_);
  }

  const Dialect& d_;
  const CallGrammarOptions& o_;
  const std::string dsml_;
  Builder b_;
  std::optional<std::size_t> free_text_;  // a rule
};

}  // namespace

Result<grammar::Grammar> CallGrammar(const Dialect& dialect, std::span<const Json> tools,
                                     const CallGrammarOptions& options) {
  return CallWriter(dialect, options).Run(tools);
}

Result<grammar::Grammar> SchemaOrCalls(const Dialect& dialect, const Json& schema,
                                       std::string_view dsml, grammar::SchemaLimits limits) {
  Builder b(limits.states);
  b.EscapeBars();
  grammar::SchemaPieces schemas(b, schema, limits);
  const std::size_t whole = b.NewRule();
  HADAL_TRY(const Piece answer, schemas.Value(schema, "schema"));
  std::string begin = CallsBegin(dialect);
  if (!dsml.empty()) begin.replace(begin.find(dialect.dsml), dialect.dsml.size(), dsml);
  const Piece anything = b.Repeat(b.Bytes(0x00, 0xFF), 0, grammar::kMany);
  b.Define(whole, b.Any({answer, b.Seq({b.Text(begin), anything})}));
  auto made = std::move(b).Finish();
  if (!made.ok()) return Within("schema", made.error());
  return made;
}

}  // namespace hadal::chat
