#include "base/state_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>

namespace hadal {
namespace {

// An environment variable for one test, put back when it ends.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name); before != nullptr) before_ = before;
    value == nullptr ? unsetenv(name) : setenv(name, value, 1);
  }
  ~Variable() { before_ ? setenv(name_, before_->c_str(), 1) : unsetenv(name_); }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

TEST(StateFile, IsWhereTheUserKeepsState) {
  const Variable home("HOME", "/home/her");
  {
    const Variable state("XDG_STATE_HOME", "/var/hers");
    EXPECT_EQ(StateFile("disks.json"), "/var/hers/hadal/disks.json");
  }
  for (const char* unset : {static_cast<const char*>(nullptr), ""}) {
    const Variable state("XDG_STATE_HOME", unset);
    EXPECT_EQ(StateFile("disks.json"), "/home/her/.local/state/hadal/disks.json");
    const Variable homeless("HOME", unset);
    EXPECT_EQ(StateFile("disks.json"), "");
  }
}

}  // namespace
}  // namespace hadal
