#include "server/loop.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/system_error.hpp>
#include <system_error>
#include <thread>
#include <utility>

#include "base/exceptions.h"
#include "base/log.h"
#include "server/loop_impl.h"

namespace hadal::server {
namespace {

// After an exception, which may come again at once.
constexpr std::chrono::milliseconds kBreath{20};

void Log(const char* of, const Error& error) noexcept {
  (void)Caught([&] { spdlog::error("{} what=\"{}\"", of, error.what); });
}

// What a task throws ends the task, not the server.
void RunTask(const std::function<void()>& task) noexcept {
  if (const Status done = Caught(task); !done.ok()) Log("task", done.error());
}

class Ticker : public std::enable_shared_from_this<Ticker> {
 public:
  Ticker(boost::asio::io_context& context, std::chrono::milliseconds period,
         std::function<void()> task)
      : timer_(context), period_(period), task_(std::move(task)) {}

  void Wait() {
    if (armed_) return;
    timer_.expires_after(period_);
    timer_.async_wait([self = shared_from_this(),
                       armed = Armed(&armed_)](boost::system::error_code error) mutable {
      armed.Over();
      if (error) return;
      RunTask(self->task_);
      self->Wait();
    });
  }

 private:
  boost::asio::steady_timer timer_;
  std::chrono::milliseconds period_;
  std::function<void()> task_;
  bool armed_ = false;
};

// What Asio throws of the system's refusals is Boost's kind, which base/exceptions.h does not know.
std::unique_ptr<Loop::Impl> MakeImpl(std::size_t workers) {
  try {
    return std::make_unique<Loop::Impl>(workers);
  } catch (const boost::system::system_error& error) {
    throw std::system_error(error.code(), "the server's loop");
  }
}

// Until the context has nothing more to do.
void RunOn(boost::asio::io_context& context) noexcept {
  while (!context.stopped())
    if (const Status run = Caught([&] { context.run(); }); !run.ok()) Log("worker", run.error());
}

}  // namespace

// Not Asio's pool of threads: where it gets fewer than it wants, those that it has got outlive it.
Loop::Impl::Impl(std::size_t count) : more_work(boost::asio::make_work_guard(work)) {
  workers.reserve(count);
  try {
    while (workers.size() < count) workers.emplace_back([this] { RunOn(work); });
  } catch (const std::exception&) {
    if (workers.empty()) throw;  // one is needed
    spdlog::warn("workers asked={} got={}", count, workers.size());
  }
}

Loop::Impl::~Impl() {
  more_work.reset();
  for (std::thread& worker : workers) worker.join();
}

Loop::Loop(std::size_t workers) : impl_(MakeImpl(workers)) {}
Loop::~Loop() = default;

void Loop::Post(std::function<void()> task) {
  boost::asio::post(impl_->context, [task = std::move(task)] { RunTask(task); });
}

void Loop::Work(std::function<void()> task) {
  boost::asio::post(impl_->work, [task = std::move(task)] { RunTask(task); });
}

void Loop::Every(std::chrono::milliseconds period, std::function<void()> task) {
  const auto ticker = std::make_shared<Ticker>(impl_->context, period, std::move(task));
  GoOnBy([ticker] { ticker->Wait(); });
  ticker->Wait();
}

void Loop::GoOnBy(std::function<void()> go_on) { impl_->go_on.push_back(std::move(go_on)); }

void Loop::Run() {
  const auto guard = boost::asio::make_work_guard(impl_->context);
  while (!impl_->context.stopped()) {
    const Status run = Caught([&] {
      for (const auto& go_on : impl_->go_on) go_on();
      impl_->context.run();
    });
    if (run.ok()) continue;
    Log("loop", run.error());
    std::this_thread::sleep_for(kBreath);
  }
}

void Loop::Stop() { impl_->context.stop(); }

void Loop::Restart() { impl_->context.restart(); }

}  // namespace hadal::server
