#include "page/page.h"

namespace hadal::page {

const File* Find(std::string_view name) {
  if (name.empty()) name = "index.html";
  for (const File& file : Files())
    if (file.name == name) return &file;
  return nullptr;
}

}  // namespace hadal::page
