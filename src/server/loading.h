// What the server answers while its model is opened: that it will be there. The loop runs on a
// thread of its own meanwhile.
#pragma once
#include <thread>

#include "server/http.h"
#include "server/loop.h"

namespace hadal::server {

// 503 in the form of the path's API; of /health in the form that its callers know.
// Source: llama.cpp, tools/server/README.md, GET /health.
HttpResponse LoadingResponse(const HttpRequest& request);

// Runs the loop until it goes; then the loop can be run again.
class LoopMeanwhile {
 public:
  explicit LoopMeanwhile(Loop& loop) : loop_(loop), thread_([&loop] { loop.Run(); }) {}
  ~LoopMeanwhile() {
    loop_.Stop();
    thread_.join();
    loop_.Restart();
  }
  LoopMeanwhile(const LoopMeanwhile&) = delete;
  LoopMeanwhile& operator=(const LoopMeanwhile&) = delete;

 private:
  Loop& loop_;
  std::thread thread_;
};

}  // namespace hadal::server
