#include "base/units.h"

#include <gtest/gtest.h>

#include "base/table.h"

namespace hadal {
namespace {

TEST(Units, FormatsForPeople) {
  EXPECT_EQ(FormatBytes(584), "584 B");
  EXPECT_EQ(FormatBytes(3'688'000'000), "3.69 GB");
  EXPECT_EQ(FormatBytes(999'999'999), "1.00 GB");
  EXPECT_EQ(FormatBytesBinary(1023), "1023 B");
  EXPECT_EQ(FormatBytesBinary(3'688'172'544), "3.43 GiB");
  EXPECT_EQ(FormatBytesBinary((1ull << 30) - 1), "1.00 GiB");
  EXPECT_EQ(FormatCount(1048576), "1,048,576");
  EXPECT_EQ(FormatCount(12), "12");
  EXPECT_EQ(FormatDuration(0.84), "0.8 s");
  EXPECT_EQ(FormatDuration(125), "2:05");
  EXPECT_EQ(FormatDuration(3723), "1:02:03");
}

TEST(Units, ParsesSizes) {
  EXPECT_EQ(*ParseSize("4096"), 4096u);
  EXPECT_EQ(*ParseSize("128K"), 131072u);
  EXPECT_EQ(*ParseSize("1M"), 1048576u);
  EXPECT_EQ(*ParseSize("96GiB"), 96ull << 30);
  EXPECT_EQ(*ParseSize("1.5GB"), 1500000000u);
  for (const char* bad :
       {"", "K", "-1", "1.5", "0.5B", "1X", "1e300", "nan", "inf", "1 M", "99999999999G"})
    EXPECT_FALSE(ParseSize(bad).ok()) << bad;
}

TEST(Table, AlignsColumns) {
  Table table({"name", ">bytes"});
  table.Row({"é", "5"});
  table.Row({"longer", "1234"});
  EXPECT_EQ(table.Text(), "name    bytes\né           5\nlonger   1234\n");
  EXPECT_EQ(table.Markdown(), "| name | bytes |\n|---|---:|\n| é | 5 |\n| longer | 1234 |\n");
}

}  // namespace
}  // namespace hadal
