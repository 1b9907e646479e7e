// Names for answers, calls and requests: unlike each other, and not secret.
#pragma once
#include <string>
#include <string_view>

namespace hadal::server {

// "chatcmpl-" and 24 random letters and digits. Any thread.
std::string NewId(std::string_view prefix);

// The client's own name for its request, if it is fit for a log and a header; else a new one.
std::string RequestId(std::string_view given);

}  // namespace hadal::server
