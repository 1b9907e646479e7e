#include "cli/serve_page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "base/json.h"

namespace hadal::cli {
namespace {

const server::Document* Find(const std::vector<server::Document>& documents,
                             const std::string& path) {
  const auto found = std::find_if(documents.begin(), documents.end(),
                                  [&](const auto& document) { return document.path == path; });
  return found == documents.end() ? nullptr : &*found;
}

TEST(ServePage, TheRootIsOpenAndKeepsToItsPolicy) {
  const auto documents = PageDocuments("");
  const server::Document* root = Find(documents, "/");
  ASSERT_NE(root, nullptr);
  EXPECT_TRUE(root->open);
  EXPECT_EQ(root->bytes, Find(documents, "/index.html")->bytes);
  const auto& headers = root->headers;
  EXPECT_TRUE(std::any_of(headers.begin(), headers.end(), [](const server::Header& header) {
    return header.name == "content-security-policy" &&
           header.value.find("default-src 'self'") != std::string::npos;
  }));
}

// The served model is the last, under a key of its own, with what the formulas need.
TEST(ServePage, ThePlanHoldsTheServedModelAndTheOthers) {
  const auto documents = PageDocuments("");
  const server::Document* plan = Find(documents, "/hadal/plan");
  ASSERT_NE(plan, nullptr);
  EXPECT_FALSE(plan->open);
  const auto text = plan->make();
  ASSERT_TRUE(text.ok());
  const Json data = ParseJson(*text).value();
  EXPECT_EQ(*data.Find("served")->AsString(), "served");
  const Json::Array& models = *data.Find("models")->AsArray();
  ASSERT_EQ(models.size(), 5u);
  EXPECT_EQ(*models.front().Find("key")->AsString(), "v3.2");
  EXPECT_EQ(*models.back().Find("key")->AsString(), "served");
  EXPECT_FALSE(models.back().Find("kv")->AsArray()->empty());
}

TEST(ServePage, AModelThatCannotBeReadIsAnErrorOfThatRequestAlone) {
  const auto documents = PageDocuments("/nonexistent/model");
  const auto text = Find(documents, "/hadal/plan")->make();
  ASSERT_FALSE(text.ok());
  EXPECT_NE(text.error().what.find("/nonexistent/model"), std::string::npos);
}

}  // namespace
}  // namespace hadal::cli
