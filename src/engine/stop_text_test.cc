#include "engine/stop_text.h"

#include <gtest/gtest.h>

namespace hadal::engine {
namespace {

std::string Stream(StopText& stop, std::string_view text, std::size_t piece) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += piece) out += stop.Push(text.substr(i, piece));
  return out + stop.Finish();
}

TEST(StopText, EndsBeforeTheFirstStopHoweverTheTextIsCut) {
  for (std::size_t piece = 1; piece < 20; ++piece) {
    StopText stop({"</s>", "\n\n", ""});
    EXPECT_EQ(Stream(stop, "one </ two\n three</s> four\n\n", piece), "one </ two\n three")
        << piece;
    EXPECT_TRUE(stop.stopped());
    EXPECT_EQ(stop.found(), "</s>");
  }
}

TEST(StopText, PassesEverythingWithoutAStop) {
  for (std::size_t piece = 1; piece < 12; ++piece) {
    StopText stop({"abcabd"});
    EXPECT_EQ(Stream(stop, "abcabcabcab", piece), "abcabcabcab") << piece;
    EXPECT_FALSE(stop.stopped());
  }
}

TEST(StopText, HoldsBackOnlyWhatMayBeAStop) {
  StopText stop({"xyz"});
  EXPECT_EQ(stop.Push("abx"), "ab");
  EXPECT_EQ(stop.Push("y"), "");
  EXPECT_EQ(stop.Push("a"), "xya");
}

}  // namespace
}  // namespace hadal::engine
