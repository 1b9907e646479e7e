#include "server/sse.h"

#include <utility>

namespace hadal::server {

void EventStream::Begin() {
  if (std::exchange(begun_, true)) return;
  exchange_->Begin({.content_type = "text/event-stream; charset=utf-8",
                    .headers = {{"cache-control", "no-cache"}, {"x-accel-buffering", "no"}}});
}

void EventStream::DataLine(std::string_view line) {
  Begin();
  exchange_->Write(fmt::format("data: {}\n\n", line));
}

void EventStream::Event(std::string_view name, const Json& json) { EventLine(name, json.Dump()); }

void EventStream::EventLine(std::string_view name, std::string_view line) {
  Begin();
  exchange_->Write(fmt::format("event: {}\ndata: {}\n\n", name, line));
}

void EventStream::Comment(std::string_view text) {
  Begin();
  exchange_->Write(fmt::format(": {}\n\n", text));
}

}  // namespace hadal::server
