#include "server/http.h"

#include <charconv>

namespace hadal::server {
namespace {

// The byte that %XX stands for; negative: the text does not begin so, or it is a control character.
int EscapedByte(std::string_view text) {
  unsigned byte = 0;
  if (text.size() < 3) return -1;
  const auto read = std::from_chars(text.data() + 1, text.data() + 3, byte, 16);
  if (read.ec != std::errc() || read.ptr != text.data() + 3) return -1;
  return byte < 0x20 || byte == 0x7F ? -1 : static_cast<int>(byte);
}

}  // namespace

std::optional<std::string> WithoutEscapes(std::string_view path) {
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      out += path[i];
      continue;
    }
    const int byte = EscapedByte(path.substr(i));
    if (byte < 0) return std::nullopt;
    if (byte == '/' || byte == '%')
      out += byte == '/' ? "%2F" : "%25";
    else
      out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

std::string NameInPath(std::string_view part) {
  std::string out;
  for (std::size_t i = 0; i < part.size(); ++i) {
    const int byte = part[i] == '%' ? EscapedByte(part.substr(i)) : -1;
    out += byte < 0 ? part[i] : static_cast<char>(byte);
    if (byte >= 0) i += 2;
  }
  return out;
}

std::string_view HttpRequest::Find(std::string_view name) const {
  for (const Header& header : headers)
    if (header.name == name) return header.value;
  return {};
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

const char* StatusText(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 529:
      return "Overloaded";
    default:
      return "Unknown";
  }
}

}  // namespace hadal::server
