// The loop's inside, for loop.cc and listener.cc alone: it costs the compiler seconds.
#pragma once
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "server/loop.h"

namespace hadal::server {

// True as long as what the system is asked for is still to come: moved into its handler, whose end,
// called or not, makes it false.
class Armed {
 public:
  explicit Armed(bool* flag) : flag_(flag) { *flag_ = true; }
  Armed(Armed&& other) noexcept : flag_(std::exchange(other.flag_, nullptr)) {}
  Armed& operator=(Armed&&) = delete;
  ~Armed() { Over(); }
  void Over() {
    if (bool* flag = std::exchange(flag_, nullptr)) *flag = false;
  }

 private:
  bool* flag_;
};

struct Loop::Impl {
  explicit Impl(std::size_t count);
  ~Impl();  // when what was posted to the workers is done
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  boost::asio::io_context context{1};
  boost::asio::io_context work;  // the workers'
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> more_work;
  std::vector<std::thread> workers;
  std::vector<std::function<void()>> go_on;
};

}  // namespace hadal::server
