#include "server/api_key.h"

#include <algorithm>
#include <fstream>
#include <span>
#include <sstream>

#include "io/checksum.h"

namespace hadal::server {
namespace {

std::string_view KeyOf(const HttpRequest& request) {
  constexpr std::string_view kBearer = "bearer ";
  const std::string_view given = request.Find("authorization");
  const auto same = [](char a, char b) { return (a | 0x20) == b || a == b; };
  if (given.size() > kBearer.size() &&
      std::equal(kBearer.begin(), kBearer.end(), given.begin(),
                 [&](char want, char found) { return same(found, want); }))
    return given.substr(std::min(given.find_first_not_of(' ', kBearer.size()), given.size()));
  return request.Find("x-api-key");
}

}  // namespace

bool SameSecret(std::string_view found, std::string_view secret) {
  volatile unsigned char difference = found.size() == secret.size() ? 0 : 1;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const char other = secret.empty() ? '\0' : secret[i % secret.size()];
    difference = static_cast<unsigned char>(
        difference | (static_cast<unsigned char>(found[i]) ^ static_cast<unsigned char>(other)));
  }
  return difference == 0;
}

Result<ApiKeys> ApiKeys::Create(std::vector<std::string> keys) {
  for (const std::string& key : keys) {
    if (key.empty()) return Fail(Code::kInvalid, "an API key is empty");
    for (const char c : key)
      if (c <= ' ' || c > '~')
        return Fail(Code::kInvalid, "an API key holds a space or a character beyond ASCII");
  }
  ApiKeys out;
  for (const std::string& key : keys)
    out.scopes_.push_back(io::Checksum(std::as_bytes(std::span(key))) | 1);
  out.keys_ = std::move(keys);
  return out;
}

std::uint64_t ApiKeys::Scope(const HttpRequest& request) const {
  const std::string_view found = KeyOf(request);
  std::uint64_t scope = 0;
  for (std::size_t i = 0; i < keys_.size(); ++i)  // all of them, also behind a match
    if (SameSecret(found, keys_[i])) scope = scopes_[i];
  return scope;
}

bool ApiKeys::Allows(const HttpRequest& request) const {
  return !required() || Scope(request) != 0;
}

Result<std::vector<std::string>> ReadKeyFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Fail(Code::kIo, "{}: cannot be read", path);
  std::vector<std::string> keys;
  for (std::string line; std::getline(file, line);) {
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == line.npos || line[begin] == '#') continue;
    keys.push_back(line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin));
  }
  if (keys.empty()) return Fail(Code::kInvalid, "{}: found no key", path);
  return keys;
}

}  // namespace hadal::server
