// Where the user's lines come from: a terminal with editing and a history, or a pipe.
#pragma once
#include <cstddef>
#include <iosfwd>
#include <memory>
#include <string>

namespace hadal::talk {

enum class Got { kLine, kInterrupt, kEnd };  // kInterrupt: Ctrl-C instead of a line

class LineSource {
 public:
  virtual ~LineSource() = default;
  // The next line, without its end. `prompt` is shown where a person is.
  virtual Got Read(const std::string& prompt, std::string* line) = 0;
  virtual void Remember(const std::string& text) = 0;  // for the arrow keys, and the next start
};

// A pipe or a file; it remembers nothing.
std::unique_ptr<LineSource> StreamLines(std::istream& in);

// The terminal that stdin and stdout are. history: a file, created with mode 0600; empty: none.
std::unique_ptr<LineSource> EditedLines(const std::string& history);

}  // namespace hadal::talk
