// Stands in for the built page where Node.js or its packages are missing.
#include "page/page.h"

namespace hadal::page {
namespace {

constexpr std::string_view kAbsent = R"(<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>hadal</title></head>
<body>
<h1>hadal serves, but this program has no page</h1>
<p>It was built without Node.js or without the packages of the page. In the source tree, run
<code>tools/install_deps.sh web</code> and build again.</p>
<p>The API is there all the same: <a href="v1/models">v1/models</a>,
<a href="health">health</a>.</p>
</body>
</html>
)";

constexpr File kFiles[] = {{"index.html", "text/html; charset=utf-8", kAbsent, "\"absent\""}};

}  // namespace

std::span<const File> Files() { return kFiles; }

bool IsBuilt() { return false; }

}  // namespace hadal::page
