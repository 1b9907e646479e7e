// Watches a stream of text for stop strings: passes on what cannot be part of one, holds back what
// may.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace hadal::engine {

class StopText {
 public:
  // Empty strings are ignored. From where one of `shields` begins on, only `always` is looked for;
  // a stop string within what may be the beginning of one waits until that is clear.
  explicit StopText(std::vector<std::string> stops, std::vector<std::string> shields = {},
                    std::string always = {});

  // Text that may be shown now. After a stop string has been seen: what came before it, then
  // nothing.
  std::string Push(std::string_view text);
  std::string Finish();  // what was held back, if no stop string came; one that waited comes now
  bool stopped() const { return stopped_; }
  const std::string& found() const { return found_; }  // the stop string that came; empty: none

 private:
  std::size_t FirstStop();
  std::size_t FirstShield() const;
  std::size_t BegunBytes(const std::vector<std::string>& strings) const;
  std::string StopAt(std::size_t stop);

  std::vector<std::string> stops_, shields_;  // no shields: none comes any more
  const std::string always_;
  std::string held_, found_;
  bool stopped_ = false;
};

}  // namespace hadal::engine
