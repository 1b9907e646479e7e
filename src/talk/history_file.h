// What the user has typed, kept for the next start: a JSON string a line, the newest last. Only its
// owner may read it. Several programs may append to it at once.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace hadal::talk {

class HistoryFile {
 public:
  explicit HistoryFile(std::string path) : path_(std::move(path)) {}  // empty: nothing is kept

  // The last entries, at most so many. A file that is not there or not ours has none. One of more
  // than twice as many is written anew with these alone.
  std::vector<std::string> Read(std::size_t most);
  // What cannot be written is not kept; nobody is told, for nothing depends on it.
  void Append(const std::string& entry);

 private:
  std::string path_;
};

// $XDG_STATE_HOME/hadal/chat_history, by default below ~/.local/state; empty: no home.
std::string DefaultHistory();

}  // namespace hadal::talk
