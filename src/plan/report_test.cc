#include "plan/report.h"

#include <gtest/gtest.h>

namespace hadal::plan {
namespace {

Report Small() {
  Report report;
  report.title = "A title";
  report.facts.Set("context", 7);
  report.sections.push_back(
      {.key = "rows",
       .title = "Rows",
       .columns = {{"name", "name"}, {"bytes", ">bytes"}, {"why", ""}},
       .rows = {{Text("a, \"b\""), Bytes(2048, ByteUnits::kBinary), Text("because")},
                {Text("c"), Nothing(), Text("")}}});
  report.notes.push_back("A note.");
  return report;
}

TEST(Report, Text) {
  EXPECT_EQ(ReportText(Small()),
            "A title\n\nRows\nname       bytes\na, \"b\"  2.00 KiB\nc              -\n\n"
            "* A note.\n");
}

TEST(Report, JsonHasValuesAndNoFormatting) {
  EXPECT_EQ(ReportJson(Small()).Dump(),
            R"({"title":"A title","context":7,"rows":[{"name":"a, \"b\"","bytes":2048,)"
            R"("why":"because"},{"name":"c","bytes":null,"why":""}],"assumptions":["A note."]})");
}

TEST(Report, Csv) {
  EXPECT_EQ(ReportCsv(Small()), "name,bytes,why\r\n\"a, \"\"b\"\"\",2048,because\r\nc,,\r\n");
}

TEST(Report, LargeNumbersAreInThousands) {
  EXPECT_EQ(Number(999.5, 1).text, "999.5");
  EXPECT_EQ(Number(75270, 0).text, "75,270");
  EXPECT_EQ(Number(-1234567.25, 2).text, "-1,234,567.25");
}

TEST(Report, UnitsAreOneKindOnly) {
  EXPECT_EQ(Bytes(1 << 30, ByteUnits::kDecimal).text, "1.07 GB");
  EXPECT_EQ(Bytes(1 << 30, ByteUnits::kBinary).text, "1.00 GiB");
  EXPECT_EQ(Bytes(1023, ByteUnits::kBinary).text, "1023 B");
  EXPECT_EQ(ContextName(1 << 20), "1M");
  EXPECT_EQ(ContextName(1'000'000), "1,000,000");
  EXPECT_EQ(ContextName(131072), "128K");
}

}  // namespace
}  // namespace hadal::plan
