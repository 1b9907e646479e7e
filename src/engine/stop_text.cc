#include "engine/stop_text.h"

#include <algorithm>
#include <utility>

namespace hadal::engine {

StopText::StopText(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase(stops_, "");
}

std::string StopText::Push(std::string_view text) {
  if (stopped_) return {};
  held_ += text;
  std::size_t stop = std::string::npos;
  for (const std::string& s : stops_)
    if (const std::size_t at = held_.find(s); at < stop) {
      stop = at;
      found_ = s;
    }
  if (stop != std::string::npos) {
    stopped_ = true;
    return held_.substr(0, stop);
  }
  // Hold back the longest end of the text that begins a stop string.
  std::size_t hold = 0;
  for (const std::string& s : stops_)
    for (std::size_t n = std::min(s.size() - 1, held_.size()); n > hold; --n)
      if (held_.ends_with(std::string_view(s).substr(0, n))) {
        hold = n;
        break;
      }
  std::string out = held_.substr(0, held_.size() - hold);
  held_.erase(0, out.size());
  return out;
}

std::string StopText::Finish() {
  if (stopped_) return {};
  return std::exchange(held_, {});
}

}  // namespace hadal::engine
