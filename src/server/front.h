// The first that every request meets: whether its page, its key and its form are right, and who
// answers it. What comes back has the request's id and the headers for its page, and is counted and
// logged when it is complete.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "server/api_key.h"
#include "server/http.h"
#include "server/loop.h"
#include "server/origin.h"
#include "server/routes.h"

namespace hadal::server {

struct FrontOptions {
  ApiKeys keys = {};
  OriginOptions origin = {};
};

// An answer that is complete, or whose client has gone (status 499).
struct AnsweredRequest {
  std::string method, path, id, peer;
  int status = 0;
  double seconds = 0;
  bool on_worker = false;  // it may have taken memory
};

class Front {
 public:
  Front(Loop& loop, FrontOptions options, Routes routes,
        std::function<void(const AnsweredRequest&)> on_answered);

  void Handle(const ExchangePtr& plain);  // the loop's thread
  // Asked before every request that is not open: kept out while it says why.
  void KeepOut(ApiError why) { kept_out_ = std::move(why); }

 private:
  ApiResult<const Route*> Admit(const HttpRequest& request, std::string* allowed) const;

  Loop& loop_;
  const FrontOptions options_;
  const OriginCheck origin_;
  const Routes routes_;
  std::function<void(const AnsweredRequest&)> on_answered_;
  std::optional<ApiError> kept_out_;
};

}  // namespace hadal::server
