#include "server/loading.h"

#include <utility>

#include "base/json.h"
#include "server/api_error.h"

namespace hadal::server {
namespace {

constexpr const char* kMessage = "Loading model";
constexpr int kRetrySeconds = 5;

}  // namespace

HttpResponse LoadingResponse(const HttpRequest& request) {
  HttpResponse response = ErrorResponse(
      {.status = 503, .message = kMessage, .code = "unavailable", .retry_after_s = kRetrySeconds},
      ShapeOf(request), request.id);
  if (request.path == "/health" || request.path == "/v1/health")
    response.body =
        Json::MakeObject(
            {{"error", Json::MakeObject(
                           {{"code", 503}, {"message", kMessage}, {"type", "unavailable_error"}})}})
            .Dump();
  for (Header& header : IdHeaders(request)) response.headers.push_back(std::move(header));
  return response;
}

}  // namespace hadal::server
