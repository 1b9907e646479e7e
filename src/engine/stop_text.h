// Watches a stream of text for stop strings: passes on what cannot be part of one, holds back what
// may.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace hadal::engine {

class StopText {
 public:
  explicit StopText(std::vector<std::string> stops);  // empty strings are ignored

  // Text that may be shown now. After a stop string has been seen: what came before it, then
  // nothing.
  std::string Push(std::string_view text);
  std::string Finish();  // what was held back, if no stop string came
  bool stopped() const { return stopped_; }
  const std::string& found() const { return found_; }  // the stop string that came; empty: none

 private:
  std::vector<std::string> stops_;
  std::string held_, found_;
  bool stopped_ = false;
};

}  // namespace hadal::engine
