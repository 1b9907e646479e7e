#include "page/page.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <string>

namespace hadal::page {
namespace {

std::string Index() {
  const File* index = Find("index.html");
  return index == nullptr ? "" : std::string(index->bytes);
}

TEST(Page, TheRootIsTheIndex) {
  ASSERT_NE(Find(""), nullptr);
  EXPECT_EQ(Find(""), Find("index.html"));
  EXPECT_EQ(Find("../index.html"), nullptr);
  EXPECT_EQ(Find("nothing.js"), nullptr);
}

// Built or not, every byte is there, and the same name is not there twice.
TEST(Page, FilesAreWholeAndNamedOnce) {
  std::set<std::string_view> names;
  for (const File& file : Files()) {
    EXPECT_TRUE(names.insert(file.name).second) << file.name;
    EXPECT_FALSE(file.bytes.empty()) << file.name;
    EXPECT_FALSE(file.content_type.empty()) << file.name;
    EXPECT_TRUE(file.etag.size() > 2 && file.etag.front() == '"' && file.etag.back() == '"');
  }
  EXPECT_EQ(Index().substr(0, 15), "<!doctype html>");
  EXPECT_NE(Index().find("</html>"), std::string::npos);
}

// What the policy of its own would refuse must not be in it.
TEST(Page, TheIndexKeepsToThePolicy) {
  const std::string index = Index();
  EXPECT_FALSE(
      std::regex_search(index, std::regex(R"(<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=)")));
  EXPECT_EQ(kContentSecurityPolicy.find("unsafe"), std::string_view::npos);
  if (!IsBuilt()) return;
  const std::regex reference(R"((?:src|href)="([^"?]+))");
  std::size_t count = 0;
  for (std::sregex_iterator at(index.begin(), index.end(), reference), end; at != end;
       ++at, ++count)
    EXPECT_NE(Find((*at)[1].str()), nullptr) << (*at)[1];
  EXPECT_GE(count, 3u);  // a script, a style, an icon
}

TEST(Page, FontsAndLicencesAreBesideIt) {
  if (!IsBuilt()) GTEST_SKIP() << "this build has no page";
  const std::string style(Find("style.css") == nullptr ? "" : Find("style.css")->bytes);
  const std::regex font(R"re(url\(["']?(?:\./)?([^)"']+\.woff2))re");
  std::size_t count = 0;
  for (std::sregex_iterator at(style.begin(), style.end(), font), end; at != end; ++at, ++count)
    EXPECT_NE(Find((*at)[1].str()), nullptr) << (*at)[1];
  EXPECT_GE(count, 10u);
  EXPECT_EQ(style.find(".ttf"), std::string::npos);  // only the one format that is there
  const File* notice = Find("NOTICE.txt");
  ASSERT_NE(notice, nullptr);
  for (const char* package : {"preact", "marked", "dompurify", "katex", "highlight.js", "idb"})
    EXPECT_NE(notice->bytes.find(std::string("\n") + package + " "), std::string_view::npos)
        << package;
}

}  // namespace
}  // namespace hadal::page
