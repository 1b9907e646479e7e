#include "arch/config_fields.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace hadal::arch {
namespace {

std::string ShowValue(const Json* json) {
  constexpr std::size_t kMost = 80;
  if (json == nullptr) return "nothing";
  if (json->AsObject() != nullptr) return "an object";
  std::string text = json->Dump();
  if (text.size() > kMost) text = text.substr(0, kMost) + "...";
  return text;
}

bool Same(const Json& a, const Json& b) {
  const std::optional<double> x = a.AsNumber(), y = b.AsNumber();
  if (x && y) return *x == *y;
  return a.Dump() == b.Dump();
}

}  // namespace

Fields::Fields(const Json& json, std::string place) : json_(json), place_(std::move(place)) {
  if (json.AsObject() == nullptr)
    error_ = Fail(Code::kInvalid, "{}: found {}, expected an object", place_, ShowValue(&json));
}

bool Fields::Has(std::string_view key) const {
  const Json* value = Find(key);
  return value != nullptr && !value->is_null();
}

void Fields::Refuse(Code code, std::string_view key, const std::string& expected) {
  if (!ok()) return;
  error_ = Fail(code, "{}: {}: found {}, expected {}", place_, key, ShowValue(Find(key)), expected);
}

void Fields::Take(const Fields& other) {
  if (ok() && !other.ok()) error_ = other.error();
}

void Fields::Size(std::string_view key, std::size_t lo, std::size_t hi, std::size_t* out) {
  if (!ok()) return;
  const Json* value = Find(key);
  const std::int64_t* number = value == nullptr ? nullptr : value->AsInt();
  if (number == nullptr || *number < 0 || static_cast<std::size_t>(*number) < lo ||
      static_cast<std::size_t>(*number) > hi) {
    const std::string range = fmt::format("{} to {}", lo, hi);
    return Refuse(Code::kInvalid, key, lo == hi ? fmt::format("{}", lo) : "an integer of " + range);
  }
  *out = static_cast<std::size_t>(*number);
}

void Fields::OptionalSize(std::string_view key, std::size_t lo, std::size_t hi,
                          std::optional<std::size_t>* out) {
  if (!ok() || !Has(key)) return;
  std::size_t value = 0;
  Size(key, lo, hi, &value);
  if (ok()) *out = value;
}

void Fields::OptionalSizes(std::string_view key, std::size_t lo, std::size_t hi,
                           std::vector<std::size_t>* out) {
  if (!ok() || !Has(key)) return;
  const Json& value = *Find(key);
  const Json::Array one = {value};
  std::vector<std::size_t> found;
  for (const Json& item : value.AsArray() != nullptr ? *value.AsArray() : one) {
    const std::optional<std::uint64_t> number = item.AsUnsigned();
    if (!number || *number < lo || *number > hi)
      return Refuse(Code::kInvalid, key,
                    fmt::format("an integer of {} to {}, or a list of such", lo, hi));
    found.push_back(static_cast<std::size_t>(*number));
  }
  *out = std::move(found);
}

void Fields::Number(std::string_view key, double lo, double hi, double* out) {
  if (!ok()) return;
  const Json* value = Find(key);
  const std::optional<double> number = value == nullptr ? std::nullopt : value->AsNumber();
  if (!number || !std::isfinite(*number) || *number < lo || *number > hi)
    return Refuse(Code::kInvalid, key, fmt::format("a number of {} to {}", lo, hi));
  *out = *number;
}

void Fields::Choices(std::string_view key, const std::vector<std::string>& allowed,
                     std::vector<std::size_t>* out) {
  if (!ok()) return;
  const Json* value = Find(key);
  const std::string expected = fmt::format("an array of {}", fmt::join(allowed, ", "));
  if (value == nullptr || value->AsArray() == nullptr) return Refuse(Code::kInvalid, key, expected);
  out->clear();
  for (const Json& item : *value->AsArray()) {
    const std::string* text = item.AsString();
    const auto place =
        text == nullptr ? allowed.end() : std::find(allowed.begin(), allowed.end(), *text);
    if (place == allowed.end()) {
      error_ = Fail(Code::kInvalid, "{}: {}: entry {}: found {}, expected one of {}", place_, key,
                    out->size(), ShowValue(&item), fmt::join(allowed, ", "));
      return;
    }
    out->push_back(static_cast<std::size_t>(place - allowed.begin()));
  }
}

void Fields::Choice(std::string_view key, const std::vector<std::string>& allowed,
                    std::size_t* out) {
  if (!ok()) return;
  const Json* value = Find(key);
  const std::string* text = value == nullptr ? nullptr : value->AsString();
  const auto place = text == nullptr ? allowed.end() : std::ranges::find(allowed, *text);
  if (place == allowed.end())
    return Refuse(Code::kInvalid, key, fmt::format("one of {}", fmt::join(allowed, ", ")));
  *out = static_cast<std::size_t>(place - allowed.begin());
}

void Fields::Flag(std::string_view key, bool* out) {
  if (!ok()) return;
  const Json* value = Find(key);
  if (value == nullptr || value->AsBool() == nullptr)
    return Refuse(Code::kInvalid, key, "true or false");
  *out = *value->AsBool();
}

void Fields::Only(std::string_view key, const Json& value) {
  if (!ok() || !Has(key) || Same(*Find(key), value)) return;
  Refuse(Code::kUnsupported, key,
         fmt::format("{}, the only value hadal implements for this model_type", value.Dump()));
}

void Fields::OneOf(std::string_view key, const std::vector<std::string>& names) {
  std::size_t which = 0;
  if (ok() && Has(key)) Choice(key, names, &which);
}

void Fields::Absent(std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys)
    if (Has(key)) Refuse(Code::kInvalid, key, "nothing: this model_type has no such field");
}

void Fields::Known(std::initializer_list<std::string_view> keys) {
  if (!ok()) return;
  for (const auto& [key, value] : *json_.AsObject())
    if (!value.is_null() && std::ranges::find(keys, key) == keys.end())
      return Refuse(Code::kUnsupported, key, fmt::format("only {}", fmt::join(keys, ", ")));
}

void Fields::Strings(std::string_view key, const std::function<Status(const std::string&)>& take) {
  if (!ok() || !Has(key)) return;
  const Json::Array* list = Find(key)->AsArray();
  if (list == nullptr) return Refuse(Code::kInvalid, key, "an array of strings");
  for (const Json& item : *list) {
    if (item.AsString() == nullptr) return Refuse(Code::kInvalid, key, "an array of strings");
    if (const Status taken = take(*item.AsString()); !taken.ok()) {
      error_ = Within(fmt::format("{}: {}", place_, key), taken.error());
      return;
    }
  }
}

}  // namespace hadal::arch
