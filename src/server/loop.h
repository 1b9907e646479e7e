// The server's thread: everything that is not computing happens on it, one thing after another, so
// that what belongs to it needs no lock. Beside it a few workers, for what may take longer than a
// moment (reading and encoding large requests).
#pragma once
#include <chrono>
#include <functional>
#include <memory>

#include "base/result.h"

namespace hadal::server {

class Loop {
 public:
  explicit Loop(std::size_t workers);
  ~Loop();  // waits for the workers
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void Post(std::function<void()> task);  // any thread
  void Work(std::function<void()> task);  // any thread; on a worker
  void Every(std::chrono::milliseconds period, std::function<void()> task);  // before Run, or on it
  // What goes on for ever (periods, accepting) ends when something throws on its way, as what finds
  // no memory does. Called after that, on the loop: goes on if it has ended, which Armed tells.
  void GoOnBy(std::function<void()> go_on);  // before Run, or on it
  void Run();                                // until Stop; its thread is the loop's
  void Stop();                               // any thread
  void Restart();                            // after Run: it may be run again

  struct Impl;  // server/loop_impl.h, for who opens sockets
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal::server
