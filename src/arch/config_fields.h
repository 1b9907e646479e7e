// Reads the fields of one JSON object and remembers the first thing that is wrong, so that a parser
// can be a table of fields with one look at ok() at its end. After a failure every call does
// nothing.
//
//   Fields fields(json, "config.json");
//   fields.Size("hidden_size", 1, 65536, &config.hidden_size);
//   if (!fields.ok()) return fields.error();
#pragma once
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hadal::arch {

// The number format of FP8 weights, as tools call it.
inline const std::vector<std::string> kE4m3Names = {"e4m3", "float8_e4m3fn"};

class Fields {
 public:
  // `json` must be an object (else the first error is that) and outlive this.
  Fields(const Json& json, std::string place);

  bool ok() const { return !error_; }
  const Error& error() const { return *error_; }
  const std::string& place() const { return place_; }

  const Json* Find(std::string_view key) const { return json_.Find(key); }
  bool Has(std::string_view key) const;  // given, and not null

  // Must be given, an integer, and lo <= value <= hi.
  void Size(std::string_view key, std::size_t lo, std::size_t hi, std::size_t* out);
  // Not given or null: *out is left alone.
  void OptionalSize(std::string_view key, std::size_t lo, std::size_t hi,
                    std::optional<std::size_t>* out);
  // An integer or a list of integers, each with lo <= value <= hi. Not given or null: *out is left
  // alone.
  void OptionalSizes(std::string_view key, std::size_t lo, std::size_t hi,
                     std::vector<std::size_t>* out);
  // Must be given, a finite number, and lo <= value <= hi.
  void Number(std::string_view key, double lo, double hi, double* out);
  // Must be given: an array of strings, each one of `allowed`; *out gets the places in `allowed`.
  void Choices(std::string_view key, const std::vector<std::string>& allowed,
               std::vector<std::size_t>* out);
  // Must be given: one of `allowed`; *out gets its place there.
  void Choice(std::string_view key, const std::vector<std::string>& allowed, std::size_t* out);
  void Flag(std::string_view key, bool* out);  // must be given: true or false
  // May be missing or null, must otherwise be this: the one value that hadal implements for the
  // model_type.
  void Only(std::string_view key, const Json& value);

  // May be missing or null, must otherwise be one of these names of one thing.
  void OneOf(std::string_view key, const std::vector<std::string>& names);

  // None of these may be given: fields of other architectures, which would change the figures if
  // they meant anything here.
  void Absent(std::initializer_list<std::string_view> keys);
  // No others may be given (or be null): of entries in which every field changes what is meant.
  void Known(std::initializer_list<std::string_view> keys);
  // Must be an array of strings, which each goes to `take`: its error becomes "place: key: ...".
  // May be missing or null.
  void Strings(std::string_view key, const std::function<Status(const std::string&)>& take);

  // Records "place: key: found <the value of key>, expected <expected>".
  void Refuse(Code code, std::string_view key, const std::string& expected);
  void Take(const Fields& other);  // its error, if this has none

 private:
  const Json& json_;
  std::string place_;
  std::optional<Error> error_;
};

}  // namespace hadal::arch
