// The page of the browser as files in the program: built from web/chat where the build finds
// Node.js and the packages of web/package.json, else one page that says that it is missing.
//
// They are served at the server's root with the headers below; index.html stands for "/" too.
#pragma once
#include <span>
#include <string_view>

namespace hadal::page {

struct File {
  std::string_view name;          // "index.html": no folders
  std::string_view content_type;  // for Content-Type
  std::string_view bytes;
  std::string_view etag;  // for ETag, with its quotes: the same bytes have the same
};

std::span<const File> Files();

// Whether this program has the page itself.
bool IsBuilt();

// "app.js"; "" is index.html. nullptr: no such file.
const File* Find(std::string_view name);

// For the header Content-Security-Policy: scripts, styles and requests of this server alone, and no
// page around this one. Styles of elements are set by script, which the policy allows.
inline constexpr std::string_view kContentSecurityPolicy =
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

// For Cache-Control: the browser asks each time whether its copy still holds (ETag).
inline constexpr std::string_view kCacheControl = "no-cache";

}  // namespace hadal::page
