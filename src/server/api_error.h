// What a request that cannot be answered gets: a status, and a message that names the field, what
// was found and what was expected. Its JSON has the shape that the client's API has.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "server/http.h"

namespace hadal::server {

struct ApiError {
  int status = 400;
  std::string message;
  std::string param = {}, code = {};  // of OpenAI's shape; empty: null
  std::string anthropic = {};         // the message in Anthropic's shape, if it has another there
  int retry_after_s = 0;              // 0: not said
};

// Codes of our own layers as statuses: what is wrong with the request is 400.
ApiError FromError(const Error& error);
// Of a request that was taken: what is damaged then is the model, 500.
ApiError FromRun(const Error& error);

template <class... Args>
ApiError BadField(std::string param, fmt::format_string<Args...> format, Args&&... args) {
  std::string message = param + ": " + fmt::format(format, std::forward<Args>(args)...);
  return ApiError{.status = 400, .message = std::move(message), .param = std::move(param)};
}

// Result<T> with an ApiError; HADAL_TRY works with it, and passes an Error on as FromError says.
template <class T>
class [[nodiscard]] ApiResult {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor)
  ApiResult(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  ApiResult(ApiError error) : state_(std::in_place_index<1>, std::move(error)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  ApiResult(const Error& error) : ApiResult(FromError(error)) {}

  bool ok() const { return state_.index() == 0; }
  T& value() & {
    HADAL_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    HADAL_CHECK(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  const T& value() const& {
    HADAL_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const ApiError& error() const {
    HADAL_CHECK(!ok());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, ApiError> state_;
};

using ApiStatus = ApiResult<Unit>;

enum class ErrorShape { kOpenAi, kAnthropic };
ErrorShape ShapeOf(std::string_view path);  // by the API that lives there
// Both APIs list models at one path: whose client asks, its headers say.
ErrorShape ShapeOf(const HttpRequest& request);
// The request's id, by the names that the API's clients read.
std::vector<Header> IdHeaders(const HttpRequest& request);

const char* ErrorType(ErrorShape shape, int status);
HttpResponse ErrorResponse(const ApiError& error, ErrorShape shape, const std::string& request_id);
// The object alone, one line: what a stream that has begun says.
std::string ErrorJson(const ApiError& error, ErrorShape shape, const std::string& request_id);

}  // namespace hadal::server
