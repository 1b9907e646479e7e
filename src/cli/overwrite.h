// Files that are there already where a command is to write. Under a name of the command's own
// choosing, in a folder that it was given, any file is somebody's; under a name that the user gave,
// any that is not of the kind to be written. Those are replaced only when that is asked for.
#pragma once
#include <span>
#include <string>

#include "base/result.h"
#include "cli/command_line.h"
#include "io/place.h"

namespace hadal::cli {

// kInvalid: there is something at one of the paths, and `force` is not given. For all of them
// before the first is written.
Status CheckFree(std::span<const std::string> paths, bool force);

// Of a file that the user named, or not (an empty path), before the work whose result goes there.
// kInvalid: a file of another kind is there, and `force` is not given. As io::CheckWritable.
Status CheckNamed(const std::string& path, const io::FileKind& kind, bool force);
// A plot (SVG) or a page (HTML) that this program wrote.
extern const io::FileKind kPlotKind, kPageKind;

void AddForce(Command command, bool* force);  // --force

}  // namespace hadal::cli
