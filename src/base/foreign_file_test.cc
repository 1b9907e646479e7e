#include "base/foreign_file.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace hadal {
namespace {

constexpr char kPointer[] =
    "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 13048056\n";

TEST(ForeignFile, IsNamed) {
  EXPECT_NE(ForeignFile(kPointer).find("Git LFS pointer"), std::string::npos);
  for (const char* page : {"<!DOCTYPE html><html>", "\n\n  <HTML lang=en>", "<html"})
    EXPECT_NE(ForeignFile(page).find("HTML page"), std::string::npos) << page;
  for (const char* other : {"", "{}", "version 2", "<xml>", "<!DOCTYPE"})
    EXPECT_EQ(ForeignFile(other), "") << other;
}

TEST(ForeignFile, IsNamedWhereJsonWasExpected) {
  EXPECT_EQ(ParseJson(kPointer).error().what.find("found a Git LFS pointer"), 0u);
  EXPECT_EQ(ParseJson("<html></html>").error().what.find("found an HTML page"), 0u);
}

}  // namespace
}  // namespace hadal
