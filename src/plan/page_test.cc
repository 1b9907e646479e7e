#include "plan/page.h"

#include <gtest/gtest.h>

namespace hadal::plan {
namespace {

constexpr PageSources kSources = {
    .html = "<{{chart_css}}|{{css}}|{{data}}|{{chart_script}}|{{script}}>",
    .css = "a{}",
    .script = "s()",
    .chart_css = "b{}",
    .chart_script = "c()"};

TEST(Page, PutsItsPartsTogether) {
  const auto page = AssemblePage(kSources, Json::MakeObject({{"n", 1}}));
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(*page, R"(<b{}|a{}|{"n":1}|c()|s()>)");
}

// A model's name is a folder's name: it must not end the script element that holds it.
TEST(Page, NamesCannotLeaveTheirElement) {
  const auto page = AssemblePage(kSources, Json::MakeObject({{"name", "</script><b>{{script}}"}}));
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(*page, R"(<b{}|a{}|{"name":"\u003c/script>\u003cb>{{script}}"}|c()|s()>)");
}

TEST(Page, SaysWhatIsMissing) {
  PageSources sources = kSources;
  sources.chart_script = {};
  const auto page = AssemblePage(sources, Json());
  ASSERT_FALSE(page.ok());
  EXPECT_EQ(page.error().code, Code::kUnsupported);
  EXPECT_NE(page.error().what.find("tools/install_deps.sh web"), std::string::npos);
}

TEST(Page, BuiltInPageAsksTheNetworkForNothing) {
  PageSources sources = BuiltInPage();
  EXPECT_NE(sources.script, "");
  EXPECT_EQ(sources.script.find("import "), std::string_view::npos);
  EXPECT_EQ(sources.script.find("export "), std::string_view::npos);
  sources.chart_script = "c()";  // installed or not
  const auto page = AssemblePage(sources, Json());
  ASSERT_TRUE(page.ok());
  for (const char* loads : {" src=", "href=", "url(", "@import", "fetch(", "//cdn"})
    EXPECT_EQ(page->find(loads), std::string::npos) << loads;
}

}  // namespace
}  // namespace hadal::plan
