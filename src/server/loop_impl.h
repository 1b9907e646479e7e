// The loop's inside, for loop.cc and listener.cc alone: it costs the compiler seconds.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include "server/loop.h"

namespace hadal::server {

struct Loop::Impl {
  explicit Impl(std::size_t workers) : pool(workers) {}
  boost::asio::io_context context{1};
  boost::asio::thread_pool pool;
};

}  // namespace hadal::server
