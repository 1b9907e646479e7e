#include "server/ids.h"

#include <random>

namespace hadal::server {

std::string NewId(std::string_view prefix) {
  static thread_local std::mt19937_64 random(
      (static_cast<std::uint64_t>(std::random_device()()) << 32) | std::random_device()());
  constexpr std::string_view kCharacters =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::uniform_int_distribution<std::size_t> pick(0, kCharacters.size() - 1);
  std::string id(prefix);
  for (int i = 0; i < 24; ++i) id += kCharacters[pick(random)];
  return id;
}

std::string RequestId(std::string_view given) {
  constexpr std::size_t kMost = 128;
  constexpr std::string_view kAllowed =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-:";
  if (given.empty() || given.size() > kMost || given.find_first_not_of(kAllowed) != given.npos)
    return NewId("req_");
  return std::string(given);
}

}  // namespace hadal::server
