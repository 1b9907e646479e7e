// A JSON value, parsed and printed by nlohmann/json behind this one header.
//
// Objects keep the order in which their keys were written (a prompt's bytes depend on it) and
// refuse a key given twice. Numbers keep their kind: an integer that fits 64 bits stays exact.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace hadal {

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  // Not inline, nor is what copies and destroys: hundreds of places build and drop values, and each
  // would be compiled again for every kind of value.
  Json();                    // null
  Json(std::nullptr_t);      // NOLINT(google-explicit-constructor)
  Json(bool v);              // NOLINT(google-explicit-constructor)
  Json(int v);               // NOLINT(google-explicit-constructor)
  Json(std::int64_t v);      // NOLINT(google-explicit-constructor)
  Json(std::uint64_t v);     // NOLINT(google-explicit-constructor)
  Json(double v);            // NOLINT(google-explicit-constructor)
  Json(const char* v);       // NOLINT(google-explicit-constructor)
  Json(std::string v);       // NOLINT(google-explicit-constructor)
  Json(std::string_view v);  // NOLINT(google-explicit-constructor)
  Json(Array v);             // NOLINT(google-explicit-constructor)
  Json(Object v);            // NOLINT(google-explicit-constructor)
  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept;
  ~Json();
  static Json MakeObject(std::initializer_list<Member> members);

  bool is_null() const { return value_.index() == 0; }
  const bool* AsBool() const { return std::get_if<bool>(&value_); }
  // An integer up to 2^63-1.
  const std::int64_t* AsInt() const { return std::get_if<std::int64_t>(&value_); }
  std::optional<std::uint64_t> AsUnsigned() const;  // an integer from 0 to 2^64-1
  std::optional<double> AsNumber() const;           // an integer or a double
  const std::string* AsString() const { return std::get_if<std::string>(&value_); }
  const Array* AsArray() const { return std::get_if<Array>(&value_); }
  Array* AsArray() { return std::get_if<Array>(&value_); }
  const Object* AsObject() const { return std::get_if<Object>(&value_); }
  Object* AsObject() { return std::get_if<Object>(&value_); }

  const Json* Find(std::string_view key) const;  // null if not an object, or no such key
  void Set(std::string key, Json value);         // appends, or replaces; null becomes an object
  const char* KindName() const;                  // "null", "boolean", "integer", "number", ...

  // indent < 0: one line. Invalid UTF-8 in a string is printed as U+FFFD; NaN and infinity as null.
  std::string Dump(int indent = -1) const;

 private:
  // The last kind holds only what is above 2^63-1: an integer has one form.
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object,
               std::uint64_t>
      value_;
};

struct JsonLimits {
  std::size_t depth = 64;
};

// kCorrupt: not JSON, with the byte where reading stopped or what it is instead (foreign_file.h); a
// key given twice; nested too deeply.
Result<Json> ParseJson(std::string_view text, JsonLimits limits = {});

}  // namespace hadal
