#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>

#include <memory>

namespace hadal {

void StartLog(int verbosity) {
  std::shared_ptr<spdlog::logger> logger = spdlog::get("hadal");  // of an earlier call
  if (logger == nullptr) logger = spdlog::stderr_color_mt("hadal");
  logger->set_pattern("%^%l%$ %v");
  logger->set_level(verbosity >= 2   ? spdlog::level::debug
                    : verbosity == 1 ? spdlog::level::info
                                     : spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace hadal
