// The fields of a JSON object that a client sent. Reads what is there with the right type and
// range into variables, remembers the first that is wrong, and which were asked for: the rest is
// unknown, in objects that were looked into too. Absent and null are alike.
//
//   Fields fields(body);
//   fields.Number("temperature", {0, 2}, &temperature);
//   fields.Text("model", &model);
//   HADAL_TRY_STATUS(fields.status());
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "server/api_error.h"

namespace hadal::server {

struct NumberRange {
  double min, max;
};
struct CountRange {
  std::uint64_t min, max;
};

inline constexpr std::size_t kAllValues = ~std::size_t{0};

class Fields {
 public:
  // `place` stands in front of the fields' names: "reasoning".
  explicit Fields(const Json& object, std::string place = {});

  const Json* Find(std::string_view key);  // null: absent
  void Number(std::string_view key, NumberRange range, double* out);
  void Number(std::string_view key, NumberRange range, std::optional<double>* out);
  void Count(std::string_view key, CountRange range, std::size_t* out);
  void Count(std::string_view key, CountRange range, std::optional<std::size_t>* out);
  void Flag(std::string_view key, bool* out);
  void Flag(std::string_view key, std::optional<bool>* out);
  void Text(std::string_view key, std::string* out);
  void Text(std::string_view key, std::optional<std::string>* out);
  // A string, or an array of at most so many of them.
  void Texts(std::string_view key, std::size_t most, std::vector<std::string>* out);
  void Ids(std::string_view key, std::vector<std::int32_t>* out);  // an array of token ids
  // An object's own fields, if it is there: its first error is one of these fields. What it may be
  // looked into for several times adds up.
  void Inside(std::string_view key, const std::function<void(Fields*)>& read);
  void Pass(std::initializer_list<std::string_view> keys);  // known, and of no effect
  void PassOver(std::string what);  // not known, though it is no field of this object

  // Something that this class does not know is wrong.
  void Fail(std::string_view key, const std::string& message);
  std::string Name(std::string_view key) const;

  ApiStatus status() const;
  std::vector<std::string> Unknown() const;  // with the names of the objects that they are in

 private:
  template <class T>
  void Into(std::optional<T> value, T* out) {
    if (value) *out = std::move(*value);
  }
  const Json* Wrong(std::string_view key, const Json& found, std::string_view expected);

  const Json& object_;
  std::string place_;
  std::set<std::string, std::less<>> asked_;
  std::map<std::string, std::unique_ptr<Fields>, std::less<>> inside_;
  std::vector<std::string> passed_over_;
  std::optional<ApiError> error_;
};

// An object's string; empty if there is none.
std::string TextIn(const Json& object, const char* key);

// The body of a request: a JSON object. 400 says what is wrong with it. 413: more values than
// `most_values`, which take more memory than the same bytes of text.
ApiResult<Json> ParseBody(const std::string& body, std::size_t most_values = kAllValues);

}  // namespace hadal::server
