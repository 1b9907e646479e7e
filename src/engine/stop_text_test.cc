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

TEST(StopText, NothingBehindAShieldCountsHoweverTheTextIsCut) {
  const std::string call = "\n\n<t>\n\n\"France\"</i></t>";
  for (std::size_t piece = 1; piece < 30; ++piece) {
    SCOPED_TRACE(piece);
    const std::vector<std::string> stops = {"\n\n", "\"", "France", "<"};
    const std::vector<std::string> shields = {"\n\n<t>", "<t>"};
    StopText shielded(stops, shields);
    EXPECT_EQ(Stream(shielded, "Let me see." + call, piece), "Let me see." + call);
    EXPECT_FALSE(shielded.stopped());
    EXPECT_EQ(shielded.found(), "");
    StopText loose({"See"}, shields);
    EXPECT_EQ(Stream(loose, "Let me:<t>See</i></t>", piece), "Let me:<t>See</i></t>");
    StopText always(stops, shields, "</i>");
    EXPECT_EQ(Stream(always, "Let me see." + call, piece), "Let me see.\n\n<t>\n\n\"France\"");
    EXPECT_EQ(always.found(), "</i>");
    StopText before(stops, shields);
    EXPECT_EQ(Stream(before, "In France:" + call, piece), "In ");
    EXPECT_EQ(before.found(), "France");
    StopText other(stops, shields);
    EXPECT_EQ(Stream(other, "One.\n\nTwo.", piece), "One.");
    EXPECT_EQ(other.found(), "\n\n");
    StopText waits(stops, shields);  // the shield never comes
    EXPECT_EQ(Stream(waits, "One.\n\n", piece), "One.");
    EXPECT_TRUE(waits.stopped());
  }
}

}  // namespace
}  // namespace hadal::engine
