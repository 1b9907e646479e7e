#include "cli/overwrite.h"

#include <filesystem>

#include "base/made_by.h"

namespace hadal::cli {
namespace {

bool BeginsOwn(std::string_view start, std::string_view with) {
  return start.starts_with(with) && start.substr(0, 512).find(kMadeBy) != start.npos;
}

}  // namespace

const io::FileKind kPlotKind = {"a plot that hadal wrote",
                                [](std::string_view start) { return BeginsOwn(start, "<svg"); }};
const io::FileKind kPageKind = {"a page that hadal wrote", [](std::string_view start) {
                                  return BeginsOwn(start, "<!doctype html>");
                                }};

Status CheckFree(std::span<const std::string> paths, bool force) {
  if (force) return Unit{};
  for (const std::string& path : paths) {
    std::error_code ignored;  // what cannot even be looked at, writing it says
    if (std::filesystem::exists(std::filesystem::symlink_status(path, ignored)))
      return Fail(Code::kInvalid, "{}: is there already, expected nothing; --force replaces it",
                  path);
  }
  return Unit{};
}

Status CheckNamed(const std::string& path, const io::FileKind& kind, bool force) {
  if (path.empty()) return Unit{};
  if (!force) {
    const Status same = io::CheckKind(path, kind);
    if (!same.ok() && same.error().code == Code::kInvalid)
      return Fail(Code::kInvalid, "{}; --force replaces it", same.error().what);
    if (!same.ok()) return same;
  }
  return io::CheckWritable(path);
}

void AddForce(Command command, bool* force) {
  command.AddFlag("--force", *force, "replace a file that is there already");
}

}  // namespace hadal::cli
