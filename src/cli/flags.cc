#include "cli/flags.h"

#include <fmt/format.h>

#include <charconv>
#include <string>

#include "base/quote.h"
#include "base/threads.h"

namespace hadal::cli {

CLI::Validator WholeNumber(std::uint64_t min, std::uint64_t max) {
  const auto check = [min, max](const std::string& text) -> std::string {
    std::uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc{} && stop == end && value >= min && value <= max) return {};
    return fmt::format("found {}, expected a whole number from {} to {}", Quote(text), min, max);
  };
  return CLI::Validator(check, "", "whole number");
}

CLI::Validator NotEmpty() {
  const auto check = [](const std::string& text) -> std::string {
    return text.empty() ? "found an empty text" : "";
  };
  return CLI::Validator(check, "", "not empty");
}

void AddThreads(CLI::App* app, std::size_t* threads) {
  *threads = Threads::HardwareCount();
  app->add_option("--threads", *threads, "threads (default: all processors)")
      ->check(WholeNumber(1, 1024));
}

}  // namespace hadal::cli
