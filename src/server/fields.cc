#include "server/fields.h"

#include <utility>

namespace hadal::server {

Fields::Fields(const Json& object, std::string place) : object_(object), place_(std::move(place)) {
  if (object.AsObject() == nullptr && !object.is_null())
    error_ = BadField(place_.empty() ? "body" : place_, "found {}, expected an object",
                      object.KindName());
}

std::string Fields::Name(std::string_view key) const {
  return place_.empty() ? std::string(key) : place_ + "." + std::string(key);
}

const Json* Fields::Find(std::string_view key) {
  asked_.emplace(key);
  const Json* field = object_.Find(key);
  return field == nullptr || field->is_null() ? nullptr : field;
}

void Fields::Fail(std::string_view key, const std::string& message) {
  if (!error_) error_ = BadField(Name(key), "{}", message);
}

const Json* Fields::Wrong(std::string_view key, const Json& found, std::string_view expected) {
  const bool number = found.AsNumber().has_value();
  Fail(key,
       fmt::format("found {}, expected {}", number ? found.Dump() : found.KindName(), expected));
  return nullptr;
}

void Fields::Number(std::string_view key, NumberRange range, std::optional<double>* out) {
  const Json* field = Find(key);
  if (field == nullptr) return;
  const std::optional<double> value = field->AsNumber();
  if (!value || !(*value >= range.min && *value <= range.max))
    Wrong(key, *field, fmt::format("a number from {} to {}", range.min, range.max));
  else
    *out = *value;
}

void Fields::Number(std::string_view key, NumberRange range, double* out) {
  std::optional<double> value;
  Number(key, range, &value);
  Into(value, out);
}

void Fields::Count(std::string_view key, CountRange range, std::optional<std::size_t>* out) {
  const Json* field = Find(key);
  if (field == nullptr) return;
  std::optional<std::uint64_t> value = field->AsUnsigned();
  // 256.0 is what some languages write for 256.
  if (const auto number = field->AsNumber();
      !value && number && *number >= 0 && *number < 9e15 &&
      *number == static_cast<double>(static_cast<std::uint64_t>(*number)))
    value = static_cast<std::uint64_t>(*number);
  if (!value || *value < range.min || *value > range.max)
    Wrong(key, *field, fmt::format("a whole number from {} to {}", range.min, range.max));
  else
    *out = *value;
}

void Fields::Count(std::string_view key, CountRange range, std::size_t* out) {
  std::optional<std::size_t> value;
  Count(key, range, &value);
  Into(value, out);
}

void Fields::Flag(std::string_view key, std::optional<bool>* out) {
  const Json* field = Find(key);
  if (field == nullptr) return;
  if (field->AsBool() == nullptr)
    Wrong(key, *field, "true or false");
  else
    *out = *field->AsBool();
}

void Fields::Flag(std::string_view key, bool* out) {
  std::optional<bool> value;
  Flag(key, &value);
  Into(value, out);
}

void Fields::Text(std::string_view key, std::optional<std::string>* out) {
  const Json* field = Find(key);
  if (field == nullptr) return;
  if (field->AsString() == nullptr)
    Wrong(key, *field, "a string");
  else
    *out = *field->AsString();
}

void Fields::Text(std::string_view key, std::string* out) {
  std::optional<std::string> value;
  Text(key, &value);
  Into(std::move(value), out);
}

void Fields::Texts(std::string_view key, std::size_t most, std::vector<std::string>* out) {
  const Json* field = Find(key);
  if (field == nullptr) return;
  if (field->AsString() != nullptr) {
    out->push_back(*field->AsString());
    return;
  }
  const std::string expected = fmt::format("a string or an array of at most {} strings", most);
  if (field->AsArray() == nullptr) {
    Wrong(key, *field, expected);
    return;
  }
  if (field->AsArray()->size() > most)
    return Fail(
        key, fmt::format("found {} strings, expected at most {}", field->AsArray()->size(), most));
  for (const Json& item : *field->AsArray()) {
    if (item.AsString() == nullptr) {
      Wrong(key, item, expected);
      return;
    }
    out->push_back(*item.AsString());
  }
}

void Fields::Ids(std::string_view key, std::vector<std::int32_t>* out) {
  const Json* field = Find(key);
  if (field == nullptr) return;
  if (field->AsArray() == nullptr) {
    Wrong(key, *field, "an array of token ids");
    return;
  }
  for (const Json& item : *field->AsArray()) {
    const auto id = item.AsUnsigned();
    if (!id || *id > 0x7FFFFFFF) {
      Wrong(key, item, "a token id");
      return;
    }
    out->push_back(static_cast<std::int32_t>(*id));
  }
}

void Fields::Inside(std::string_view key, const std::function<void(Fields*)>& read) {
  const Json* object = Find(key);
  if (object == nullptr) return;
  std::unique_ptr<Fields>& inner = inside_[std::string(key)];
  if (inner == nullptr) inner = std::make_unique<Fields>(*object, Name(key));
  read(inner.get());
  if (!error_) error_ = inner->error_;
}

void Fields::Pass(std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) asked_.emplace(key);
}

void Fields::PassOver(std::string what) { passed_over_.push_back(std::move(what)); }

ApiStatus Fields::status() const {
  if (error_) return *error_;
  return Unit{};
}

std::vector<std::string> Fields::Unknown() const {
  std::vector<std::string> unknown = passed_over_;
  if (const Json::Object* members = object_.AsObject())
    for (const auto& [key, value] : *members)
      if (!asked_.contains(key)) unknown.push_back(Name(key));
  for (const auto& [key, inner] : inside_) {
    const std::vector<std::string> more = inner->Unknown();
    unknown.insert(unknown.end(), more.begin(), more.end());
  }
  return unknown;
}

std::string TextIn(const Json& object, const char* key) {
  const Json* field = object.Find(key);
  return field == nullptr || field->AsString() == nullptr ? "" : *field->AsString();
}

namespace {

// Of JSON: a value stands in front, or behind one of these marks outside of strings.
std::size_t MostValues(std::string_view json) {
  std::size_t values = 1;
  bool in_text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '"') in_text = !in_text;
    if (in_text && c == '\\') ++i;
    if (!in_text && (c == ',' || c == '[' || c == '{' || c == ':')) ++values;
  }
  return values;
}

}  // namespace

ApiResult<Json> ParseBody(const std::string& body, std::size_t most_values) {
  if (const std::size_t values = MostValues(body); values > most_values)
    return ApiError{.status = 413,
                    .message = fmt::format("the body: found {} values, this server reads {} at "
                                           "most; --max-body sets how many",
                                           values, most_values)};
  auto json = ParseJson(body);
  if (!json.ok())
    return ApiError{.status = 400, .message = "the body is not JSON: " + json.error().what};
  if (json->AsObject() == nullptr)
    return ApiError{
        .status = 400,
        .message = fmt::format("the body: found {}, expected an object", json->KindName())};
  return std::move(*json);
}

}  // namespace hadal::server
