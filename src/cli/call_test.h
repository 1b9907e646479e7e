// Tests only: the program called with arguments, as from a shell.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/commands.h"

namespace hadal::cli {

struct Outcome {
  int code;  // the exit code
  std::string out, errors;
};

// Without the program's name: Call({"run", "--help"}).
inline Outcome Call(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "hadal");
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Outcome outcome{};
  outcome.code = Main(static_cast<int>(arguments.size()), argv.data());
  outcome.out = ::testing::internal::GetCapturedStdout();
  outcome.errors = ::testing::internal::GetCapturedStderr();
  return outcome;
}

}  // namespace hadal::cli
