#include "cli/flags.h"

#include <fmt/format.h>

#include <charconv>
#include <string>

#include "base/quote.h"
#include "base/threads.h"
#include "base/units.h"

namespace hadal::cli {

Validator WholeNumber(std::uint64_t min, std::uint64_t max) {
  const auto check = [min, max](const std::string& text) -> std::string {
    std::uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc{} && stop == end && value >= min && value <= max) return {};
    return fmt::format("found {}, expected a whole number from {} to {}", Quote(text), min, max);
  };
  return {check};
}

Validator Size(std::uint64_t min, std::uint64_t max) {
  const auto rewrite = [min, max](std::string& text) -> std::string {
    const auto size = ParseSize(text);
    if (!size.ok()) return size.error().what;
    if (*size < min || *size > max)
      return fmt::format("found {}, expected {} to {}", Quote(text), min, max);
    text = std::to_string(*size);
    return {};
  };
  return {rewrite};
}

Validator Number(const std::function<Status(double)>& check) {
  const auto read = [check](const std::string& text) -> std::string {
    double value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end)
      return fmt::format("found {}, expected a number", Quote(text));
    const Status status = check(value);
    return status.ok() ? std::string() : status.error().what;
  };
  return {read};
}

void AddRam(Command app, std::optional<std::uint64_t>* bytes) {
  app.AddOption("--ram", *bytes,
                "memory for weights, states and scratch together, of a server with what it keeps "
                "(8G, 8GB): refuse to start if they need more")
      .Check(Size(1));
}

void AddThreads(Command app, std::size_t* threads) {
  static const std::size_t count = Threads::HardwareCount();  // each command asks at its start
  *threads = count;
  app.AddOption("--threads", *threads,
                "threads (default: one for each core that this process may use)")
      .Check(WholeNumber(1, 1024));
}

}  // namespace hadal::cli
