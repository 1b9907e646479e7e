// A stream of server-sent events over an exchange. Begins with the first of them.
//
// Source: WHATWG HTML, server-sent events; what proxies need not to hold it back: nginx,
// X-Accel-Buffering.
#pragma once
#include <string>
#include <string_view>

#include "base/json.h"
#include "server/http.h"

namespace hadal::server {

class EventStream {
 public:
  explicit EventStream(ExchangePtr exchange) : exchange_(std::move(exchange)) {}

  void Begin();
  bool begun() const { return begun_; }
  void DataLine(std::string_view line);  // data: LINE
  void Data(const Json& json) { DataLine(json.Dump()); }
  void Event(std::string_view name, const Json& json);  // event: NAME, data: JSON
  void EventLine(std::string_view name, std::string_view line);
  void Comment(std::string_view text);  // ": TEXT", which clients pass over
  void End() { exchange_->End(); }

  const ExchangePtr& exchange() const { return exchange_; }

 private:
  ExchangePtr exchange_;
  bool begun_ = false;
};

}  // namespace hadal::server
