#include "server/loop.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "base/exceptions.h"
#include "base/log.h"
#include "server/loop_impl.h"

namespace hadal::server {
namespace {

// What a task throws ends the task, not the server.
void RunTask(const std::function<void()>& task) {
  const Status done = Caught([&]() -> Status {
    task();
    return Unit{};
  });
  if (!done.ok()) spdlog::error("task what=\"{}\"", done.error().what);
}

class Ticker : public std::enable_shared_from_this<Ticker> {
 public:
  Ticker(boost::asio::io_context& context, std::chrono::milliseconds period,
         std::function<void()> task)
      : timer_(context), period_(period), task_(std::move(task)) {}

  void Wait() {
    timer_.expires_after(period_);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (error) return;
      RunTask(self->task_);
      self->Wait();
    });
  }

 private:
  boost::asio::steady_timer timer_;
  std::chrono::milliseconds period_;
  std::function<void()> task_;
};

}  // namespace

Loop::Loop(std::size_t workers) : impl_(std::make_unique<Impl>(workers)) {}

Loop::~Loop() { impl_->pool.join(); }

void Loop::Post(std::function<void()> task) {
  boost::asio::post(impl_->context, [task = std::move(task)] { RunTask(task); });
}

void Loop::Work(std::function<void()> task) {
  boost::asio::post(impl_->pool, [task = std::move(task)] { RunTask(task); });
}

void Loop::Every(std::chrono::milliseconds period, std::function<void()> task) {
  std::make_shared<Ticker>(impl_->context, period, std::move(task))->Wait();
}

void Loop::Run() {
  const auto guard = boost::asio::make_work_guard(impl_->context);
  while (!impl_->context.stopped()) {
    const Status run = Caught([&]() -> Status {
      impl_->context.run();
      return Unit{};
    });
    if (!run.ok()) spdlog::error("loop what=\"{}\"", run.error().what);
  }
}

void Loop::Stop() { impl_->context.stop(); }

}  // namespace hadal::server
