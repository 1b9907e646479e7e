#include "talk/history_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>
#include <system_error>

#include "base/json.h"
#include "base/state_file.h"
#include "io/file.h"

namespace hadal::talk {
namespace {

constexpr std::uint64_t kMostHistoryBytes = 16 << 20;
constexpr mode_t kOwnerOnly = 0600;

std::string LineOf(const std::string& entry) { return Json(entry).Dump() + "\n"; }

}  // namespace

std::vector<std::string> HistoryFile::Read(std::size_t most) {
  std::vector<std::string> entries;
  const auto text =
      path_.empty() ? Result<std::string>(std::string()) : io::ReadFile(path_, kMostHistoryBytes);
  if (!text.ok()) return entries;
  std::istringstream in(*text);
  for (std::string line; std::getline(in, line);) {
    const Result<Json> json = ParseJson(line);
    if (!json.ok() || json->AsString() == nullptr) return {};
    entries.push_back(*json->AsString());
  }
  if (entries.size() <= most) return entries;
  const bool anew = entries.size() > 2 * most;
  entries.erase(entries.begin(), entries.end() - static_cast<std::ptrdiff_t>(most));
  std::string whole;
  for (const std::string& entry : entries) whole += LineOf(entry);
  if (anew) {
    const mode_t before = ::umask(0777 & ~kOwnerOnly);  // from its first byte on
    (void)io::WriteFile(path_, whole);                  // as it was, if not
    ::umask(before);
  }
  return entries;
}

void HistoryFile::Append(const std::string& entry) {
  if (path_.empty()) return;
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
  const int file =
      ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly);
  if (file < 0) return;
  const std::string line = LineOf(entry);
  [[maybe_unused]] const ssize_t written = ::write(file, line.data(), line.size());
  ::close(file);
}

std::string DefaultHistory() { return StateFile("chat_history"); }

}  // namespace hadal::talk
