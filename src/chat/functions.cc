#include "chat/functions.h"

#include "base/quote.h"

namespace hadal::chat {
namespace {

Error Wrong(std::string_view place, std::string_view key, const Json* found, const char* expected) {
  return Fail(Code::kInvalid, "{}.{}: found {}, expected {}", place, key,
              found == nullptr ? "nothing" : Quote(found->Dump()), expected);
}

// Null where it is absent, as null is.
const Json* FieldOf(const Json& function, std::string_view key) {
  const Json* field = function.Find(key);
  return field == nullptr || field->is_null() ? nullptr : field;
}

}  // namespace

Status Functions::Add(Json function, std::string_view place) {
  const Json* name = FieldOf(function, "name");
  if (name == nullptr || name->AsString() == nullptr || name->AsString()->empty())
    return Wrong(place, "name", name, "a function's name");
  if (names_.contains(*name->AsString()))
    return Wrong(place, "name", name, "one that no other function has");
  const Json* about = FieldOf(function, "description");
  if (about != nullptr && about->AsString() == nullptr)
    return Wrong(place, "description", about, "a string");
  const Json* parameters = FieldOf(function, "parameters");
  if (parameters != nullptr && parameters->AsObject() == nullptr)
    return Wrong(place, "parameters", parameters, "an object, a JSON Schema");
  names_.insert(*name->AsString());
  list_.push_back(std::move(function));
  return Unit{};
}

}  // namespace hadal::chat
