// Who may use the server: keys, compared in a time that does not depend on where they differ.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/http.h"

namespace hadal::server {

class ApiKeys {
 public:
  // kInvalid: an empty key, or one with characters that no header can hold.
  static Result<ApiKeys> Create(std::vector<std::string> keys);

  bool required() const { return !keys_.empty(); }
  // `Authorization: Bearer KEY` or `x-api-key: KEY`. Always, where no keys are required.
  bool Allows(const HttpRequest& request) const;
  // What limits and memory are scoped to: the same for a key in every run, 0 if there is none.
  std::uint64_t Scope(const HttpRequest& request) const;

 private:
  std::vector<std::string> keys_;
  std::vector<std::uint64_t> scopes_;  // of the keys
};

// One key a line; blank lines and lines that begin with # are passed over.
Result<std::vector<std::string>> ReadKeyFile(const std::string& path);

// Takes as long for every `found` of one length.
bool SameSecret(std::string_view found, std::string_view secret);

}  // namespace hadal::server
