#include "engine/stop_text.h"

#include <algorithm>
#include <utility>

namespace hadal::engine {
namespace {

constexpr std::size_t kNone = std::string::npos;

}  // namespace

StopText::StopText(std::vector<std::string> stops, std::vector<std::string> shields,
                   std::string always)
    : stops_(std::move(stops)), shields_(std::move(shields)), always_(std::move(always)) {
  std::erase(stops_, "");
  std::erase(shields_, "");
  if (!always_.empty()) stops_.push_back(always_);
}

// Where the first one begins, whose string becomes found_.
std::size_t StopText::FirstStop() {
  std::size_t stop = kNone;
  for (const std::string& s : stops_)
    if (const std::size_t at = held_.find(s); at < stop) {
      stop = at;
      found_ = s;
    }
  return stop;
}

std::size_t StopText::FirstShield() const {
  std::size_t first = kNone;
  for (const std::string& s : shields_) first = std::min(first, held_.find(s));
  return first;
}

// The longest end of what is held that begins one of these and is not all of it.
std::size_t StopText::BegunBytes(const std::vector<std::string>& strings) const {
  std::size_t most = 0;
  for (const std::string& s : strings)
    for (std::size_t n = std::min(s.size() - 1, held_.size()); n > most; --n)
      if (held_.ends_with(std::string_view(s).substr(0, n))) most = n;
  return most;
}

std::string StopText::StopAt(std::size_t stop) {
  stopped_ = true;
  return held_.substr(0, stop);
}

std::string StopText::Push(std::string_view text) {
  if (stopped_) return {};
  held_ += text;
  const std::size_t shield = FirstShield();
  const std::size_t clear = std::min(shield, held_.size() - BegunBytes(shields_));
  if (const std::size_t stop = FirstStop(); stop < clear) return StopAt(stop);
  if (shield != kNone) {
    shields_.clear();
    stops_.assign(always_.empty() ? 0 : 1, always_);
    if (const std::size_t stop = FirstStop(); stop != kNone) return StopAt(stop);
  }
  found_.clear();
  const std::size_t hold = std::max(BegunBytes(stops_), BegunBytes(shields_));
  std::string out = held_.substr(0, held_.size() - hold);
  held_.erase(0, out.size());
  return out;
}

std::string StopText::Finish() {
  if (stopped_) return {};
  if (const std::size_t stop = FirstStop(); stop != kNone) return StopAt(stop);
  return std::exchange(held_, {});
}

}  // namespace hadal::engine
