// Tests only: a program of this build in a process of its own, with limits, and what becomes of it.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "testing/temp_folder.h"

namespace hadal::testing {

struct Limits {
  static constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t file_bytes = kNone;     // RLIMIT_FSIZE
  std::uint64_t address_bytes = kNone;  // RLIMIT_AS
};

class Program {
 public:
  // name: "hadal", found in a folder around this test's. It starts at once.
  Program(const std::string& name, std::vector<std::string> arguments, Limits limits = {});
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();  // ends it

  pid_t id() const { return child_; }
  void Signal(int signal) const;
  bool HasEnded() const;
  // Its exit code, or -1 - SIGNAL if a signal ended it. -128: it could not be started.
  int Wait();

  std::string out() const { return Text("out"); }  // so far
  std::string errors() const { return Text("errors"); }

 private:
  std::string Text(const char* file) const;

  TempFolder output_;
  pid_t child_;
  bool waited_ = false;
  int code_ = 0;
};

}  // namespace hadal::testing
