#include "io/remove_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string_view>

namespace hadal::io {
namespace {

// Far deeper than what is written here; each level takes one buffer of the stack.
constexpr int kMostLevels = 16;

void RemoveEntry(int folder, const char* name, int levels);

// Removes what is in an open folder. Reading on while entries go may skip some: again, until there
// is nothing more, or nothing that goes.
void Empty(int fd, int levels) {
  alignas(dirent64) char buffer[4096];
  for (int pass = 0; pass < 8; ++pass) {
    bool found = false;
    if (lseek(fd, 0, SEEK_SET) != 0) return;
    for (ssize_t got; (got = getdents64(fd, buffer, sizeof(buffer))) > 0;)
      for (ssize_t at = 0; at < got;) {
        const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
        at += entry->d_reclen;
        const std::string_view name = entry->d_name;
        if (name == "." || name == "..") continue;
        found = true;
        RemoveEntry(fd, entry->d_name, levels);
      }
    if (!found) return;
  }
}

void RemoveEntry(int folder, const char* name, int levels) {
  if (unlinkat(folder, name, 0) == 0 || levels == 0) return;
  if (errno != EISDIR && errno != EPERM) return;
  const int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return;
  Empty(fd, levels - 1);
  close(fd);
  unlinkat(folder, name, AT_REMOVEDIR);
}

}  // namespace

void RemoveTree(const char* path) { RemoveEntry(AT_FDCWD, path, kMostLevels); }

}  // namespace hadal::io
