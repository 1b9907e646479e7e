#include "base/foreign_file.h"

#include <algorithm>
#include <cctype>

namespace hadal {
namespace {

bool BeginsLike(std::string_view text, std::string_view lower_case) {
  return text.size() >= lower_case.size() &&
         std::equal(lower_case.begin(), lower_case.end(), text.begin(), [](char want, char found) {
           return want == std::tolower(static_cast<unsigned char>(found));
         });
}

}  // namespace

std::string ForeignFile(std::string_view start) {
  if (start.starts_with("version https://git-lfs.github.com/spec/"))
    return "a Git LFS pointer instead of the file itself; fetch it with `git lfs pull`";
  const std::size_t text = start.substr(0, 1024).find_first_not_of(" \t\r\n");
  if (text != std::string_view::npos) start.remove_prefix(text);
  for (const std::string_view page : {"<!doctype html", "<html"})
    if (BeginsLike(start, page))
      return "an HTML page instead of the file itself; was it saved from a web page's address?";
  return "";
}

}  // namespace hadal
