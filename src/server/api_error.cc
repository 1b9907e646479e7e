#include "server/api_error.h"

#include "base/json.h"

namespace hadal::server {
namespace {

Json OrNull(const std::string& text) { return text.empty() ? Json() : Json(text); }

const char* OpenAiType(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

const char* AnthropicType(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 503:
    case 529:
      return "overloaded_error";
    default:
      return status >= 500 ? "api_error" : "invalid_request_error";
  }
}

}  // namespace

ApiError FromError(const Error& error) {
  int status = 500;
  switch (error.code) {
    case Code::kInvalid:
    case Code::kCorrupt:
    case Code::kUnsupported:
      status = 400;
      break;
    case Code::kNotFound:
      status = 404;
      break;
    case Code::kExhausted:
      status = 503;
      break;
    case Code::kIo:
    case Code::kCancelled:
      break;
  }
  return ApiError{.status = status, .message = error.what};
}

ApiError FromRun(const Error& error) {
  ApiError answer = FromError(error);
  if (error.code == Code::kCorrupt) answer.status = 500;
  return answer;
}

ErrorShape ShapeOf(std::string_view path) {
  const bool messages = path.starts_with("/v1/messages") || path.starts_with("/anthropic/");
  return messages ? ErrorShape::kAnthropic : ErrorShape::kOpenAi;
}

ErrorShape ShapeOf(const HttpRequest& request) {
  const std::string& path = request.path;
  const bool models = path.starts_with("/v1/models") || path.starts_with("/models");
  if (models && !request.Find("anthropic-version").empty()) return ErrorShape::kAnthropic;
  return ShapeOf(path);
}

std::vector<Header> IdHeaders(const HttpRequest& request) {
  std::vector<Header> headers = {{"x-request-id", request.id}};
  if (ShapeOf(request) == ErrorShape::kAnthropic) headers.push_back({"request-id", request.id});
  return headers;
}

const char* ErrorType(ErrorShape shape, int status) {
  return shape == ErrorShape::kAnthropic ? AnthropicType(status) : OpenAiType(status);
}

std::string ErrorJson(const ApiError& error, ErrorShape shape, const std::string& request_id) {
  const char* type = ErrorType(shape, error.status);
  if (shape == ErrorShape::kAnthropic) {
    const std::string& message = error.anthropic.empty() ? error.message : error.anthropic;
    return Json::MakeObject({{"type", "error"},
                             {"error", Json::MakeObject({{"type", type}, {"message", message}})},
                             {"request_id", request_id}})
        .Dump();
  }
  return Json::MakeObject({{"error", Json::MakeObject({{"message", error.message},
                                                       {"type", type},
                                                       {"param", OrNull(error.param)},
                                                       {"code", OrNull(error.code)}})}})
      .Dump();
}

HttpResponse ErrorResponse(const ApiError& error, ErrorShape shape, const std::string& request_id) {
  HttpResponse response{.status = error.status};
  // Anthropic's clients know a status of its own for a server that has too much to do.
  if (shape == ErrorShape::kAnthropic && error.status == 503) response.status = 529;
  response.body = ErrorJson(error, shape, request_id);
  if (error.retry_after_s > 0)
    response.headers.push_back({"retry-after", std::to_string(error.retry_after_s)});
  if (error.status == 401) response.headers.push_back({"www-authenticate", "Bearer"});
  return response;
}

}  // namespace hadal::server
