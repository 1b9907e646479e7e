// Tests only: an exchange without a socket, which keeps what it is told.
#pragma once
#include <functional>
#include <string>
#include <utility>

#include "server/http.h"

namespace hadal::server {

class FakeExchange : public Exchange {
 public:
  explicit FakeExchange(HttpRequest request) : request_(std::move(request)) {}

  const HttpRequest& request() const override { return request_; }
  void Send(HttpResponse response) override {
    head = std::move(response);
    body = head.body;
    complete = true;
  }
  void Begin(HttpResponse begun) override { head = std::move(begun); }
  void Write(std::string data) override {
    body += data;
    waiting += data.size();
  }
  void End() override { complete = true; }
  void Abort() override { complete = aborted = true; }
  std::size_t unsent() const override { return slow ? waiting : 0; }
  void Watch(std::function<void()> when_gone, std::function<void()> when_drained) override {
    gone = std::move(when_gone);
    drained = std::move(when_drained);
  }
  std::string Header(std::string_view name) const {
    for (const auto& header : head.headers)
      if (header.name == name) return header.value;
    return "";
  }

  HttpResponse head{.status = 0};
  std::string body;
  bool complete = false, aborted = false, slow = false;
  std::size_t waiting = 0;
  std::function<void()> gone, drained;

 private:
  HttpRequest request_;
};

}  // namespace hadal::server
