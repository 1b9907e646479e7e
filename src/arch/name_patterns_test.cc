#include "arch/name_patterns.h"

#include <gtest/gtest.h>

namespace hadal::arch {
namespace {

bool Matches(std::string_view pattern, std::string_view name) {
  NamePatterns patterns;
  EXPECT_TRUE(patterns.Add(pattern).ok()) << pattern;
  return patterns.Match(name);
}

constexpr std::string_view kExpert = "model.layers.13.mlp.experts.0.up_proj";

TEST(NamePatterns, APlainNameIsTheModuleOrAPartOfItsName) {
  for (const char* pattern : {"model.layers.13.mlp.experts.0.up_proj", "layers.13.mlp", "experts",
                              "mlp.experts", "up_proj", "layers.13"})
    EXPECT_TRUE(Matches(pattern, kExpert)) << pattern;
  for (const char* pattern : {"layers.1", "expert", "3.mlp", "up", "lm_head", "experts.up_proj"})
    EXPECT_FALSE(Matches(pattern, kExpert)) << pattern;
}

TEST(NamePatterns, StarsStandForAnyText) {
  for (const char* pattern :
       {"model.layers.*.mlp", "*.experts.*", "layers.1?.mlp*", "*", "*up_proj", "model.layers.13*"})
    EXPECT_TRUE(Matches(pattern, kExpert)) << pattern;
  for (const char* pattern : {"*.self_attn*", "layers.?.mlp", "mtp.*", "*.ml", "*z*"})
    EXPECT_FALSE(Matches(pattern, kExpert)) << pattern;
}

TEST(NamePatterns, ExpressionsMatchFromTheStart) {
  for (const char* pattern :
       {"re:.*mlp\\.experts\\.\\d+\\.(gate|up)_proj", "re:model", "re:layers"})
    EXPECT_TRUE(Matches(pattern, kExpert)) << pattern;
  for (const char* pattern : {"re:mlp", "re:.*mlp\\.(gate|up)_proj.*"})
    EXPECT_FALSE(Matches(pattern, kExpert)) << pattern;
}

// A pattern from a file that would keep a backtracking matcher busy for ever.
TEST(NamePatterns, NoExpressionRunsForEver) {
  EXPECT_FALSE(Matches("re:(a+)+$", std::string(60, 'a') + "b"));
}

TEST(NamePatterns, RefusesWhatItDoesNotRead) {
  NamePatterns patterns;
  for (const char* pattern : {"re:(", "layers.[0-9]"}) {
    const Status added = patterns.Add(pattern);
    ASSERT_FALSE(added.ok());
    EXPECT_NE(added.error().what.find(pattern), std::string::npos) << added.error().what;
  }
}

}  // namespace
}  // namespace hadal::arch
