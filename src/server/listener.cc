#include "server/listener.h"

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <utility>

#include "base/exceptions.h"
#include "base/log.h"
#include "server/loop_impl.h"
#include "server/session.h"

namespace hadal::server {
namespace {

using ErrorCode = boost::system::error_code;

Result<Tcp::endpoint> Resolve(Loop& loop, const ListenerOptions& options) {
  ErrorCode error;
  Tcp::resolver resolver(loop.impl().context);
  const auto found =
      resolver.resolve(options.host, std::to_string(options.port), Tcp::resolver::passive, error);
  if (error || found.empty())
    return Fail(Code::kInvalid, "--host {}: {}", options.host, error.message());
  return found.begin()->endpoint();
}

// A thousand connections are no reason to run out of descriptors.
void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

struct Listener::Impl : std::enable_shared_from_this<Listener::Impl> {
  explicit Impl(Loop& loop) : acceptor(loop.impl().context), retry(loop.impl().context) {}

  void Accept() {
    if (accepting || !acceptor.is_open()) return;
    acceptor.async_accept([self = shared_from_this(), armed = Armed(&accepting)](
                              ErrorCode error, Tcp::socket socket) mutable {
      if (error == boost::asio::error::operation_aborted) return;
      if (!self->acceptor.is_open()) return;
      if (error) return self->RetrySoon(error, std::move(armed));
      armed.Over();
      self->Accept();
      self->Take(std::move(socket));
    });
  }

  // No descriptors, most likely: some will be free soon.
  void RetrySoon(ErrorCode error, Armed accepting_still) {
    spdlog::warn("accept what=\"{}\"", error.message());
    retry.expires_after(std::chrono::milliseconds(100));
    retry.async_wait(
        [self = shared_from_this(), armed = std::move(accepting_still)](ErrorCode stopped) mutable {
          armed.Over();
          if (!stopped) self->Accept();
        });
  }

  void Take(Tcp::socket socket) {
    if (sessions.size() >= host->options.max_connections) return;  // closed
    const auto session = std::make_shared<Session>(std::move(socket), host);
    sessions.emplace(session.get(), session);
    session->Start();
  }

  template <class F>
  void ForEach(F&& f) {
    std::vector<std::shared_ptr<Session>> all;  // f may close, which takes from the map
    for (const auto& [key, session] : sessions) all.push_back(session);
    for (const auto& session : all) f(*session);
  }

  bool accepting = false;  // before what holds its handlers
  Tcp::acceptor acceptor;
  Tcp::endpoint local;
  boost::asio::steady_timer retry;
  std::shared_ptr<SessionHost> host = std::make_shared<SessionHost>();
  std::map<Session*, std::shared_ptr<Session>> sessions;
};

Listener::Listener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Listener>> Listener::Open(Loop& loop, const ListenerOptions& options,
                                                 Handler handler, ErrorBody error_body) {
  RaiseFileLimit();
  HADAL_TRY(const Tcp::endpoint endpoint, Resolve(loop, options));
  const auto impl = std::make_shared<Impl>(loop);
  ErrorCode error;
  impl->acceptor.open(endpoint.protocol(), error);
  if (!error) impl->acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error) impl->acceptor.bind(endpoint, error);
  if (!error) impl->acceptor.listen(1024, error);
  if (!error) impl->local = impl->acceptor.local_endpoint(error);
  if (error)
    return Fail(Code::kIo, "cannot listen on {} port {}: {}", options.host, options.port,
                error.message());
  impl->host->options = options;
  impl->host->handler = std::move(handler);
  impl->host->error_body = std::move(error_body);
  impl->host->closed = [impl = impl.get()](Session* session) { impl->sessions.erase(session); };
  impl->Accept();
  loop.GoOnBy([weak = std::weak_ptr(impl)] {
    if (const auto alive = weak.lock()) alive->Accept();
  });
  loop.Every(std::chrono::seconds(1), [weak = std::weak_ptr(impl)] {
    if (const auto alive = weak.lock())
      alive->ForEach([now = Clock::now()](Session& session) { session.Check(now); });
  });
  return std::unique_ptr<Listener>(new Listener(impl));
}

Listener::~Listener() {
  (void)Caught([this] { CloseAll(); });
  ErrorCode ignored;
  impl_->acceptor.close(ignored);
}

std::string Listener::host() const { return impl_->local.address().to_string(); }
std::uint16_t Listener::port() const { return impl_->local.port(); }
bool Listener::loopback() const { return impl_->local.address().is_loopback(); }
std::size_t Listener::connections() const { return impl_->sessions.size(); }

void Listener::StopAccepting() {
  ErrorCode ignored;
  impl_->acceptor.close(ignored);
  impl_->host->closing = true;
  impl_->ForEach([](Session& session) {
    if (session.idle()) session.Close();
  });
}

void Listener::CloseAll() {
  impl_->ForEach([](Session& session) { session.Close(); });
}

}  // namespace hadal::server
