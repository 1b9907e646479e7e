#include "io/place.h"

#include <gtest/gtest.h>

#include "io/file.h"
#include "testing/temp_folder.h"

namespace hadal::io {
namespace {

constexpr FileKind kLetter{"a letter", [](std::string_view s) { return s.starts_with("Dear"); }};

TEST(Place, OnlyAFileOfItsOwnKindIsReplaced) {
  const testing::TempFolder folder;
  const std::string path = folder.File("x");
  EXPECT_TRUE(CheckKind(path, kLetter).ok());
  for (const char* own : {"", "Dear reader"}) {
    ASSERT_TRUE(WriteFile(path, own).ok());
    EXPECT_TRUE(CheckKind(path, kLetter).ok()) << own;
  }
  for (const std::string& other : {std::string("Dea"), std::string(10000, 'x')}) {
    ASSERT_TRUE(WriteFile(path, other).ok());
    EXPECT_EQ(CheckKind(path, kLetter).error().what,
              path + ": found a file that is not a letter, expected nothing or a letter");
  }
}

TEST(Place, WhereNothingCanBeWritten) {
  const testing::TempFolder folder;
  EXPECT_TRUE(CheckWritable(folder.File("x")).ok());
  EXPECT_FALSE(CheckKind(folder.path(), kLetter).ok());
  EXPECT_FALSE(CheckWritable(folder.path()).ok());
  EXPECT_FALSE(CheckWritable(folder.File("absent/x")).ok());
  EXPECT_EQ(ReadFile(folder.File("x")).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace hadal::io
