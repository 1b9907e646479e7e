#include "io/disk_tuning.h"

#include <gtest/gtest.h>

#include <string>

#include "io/file.h"
#include "testing/temp_folder.h"

namespace hadal::io {
namespace {

class DiskTuningTest : public ::testing::Test {
 protected:
  const testing::TempFolder folder_;
  const std::string file_ = folder_.File("state/disks.json");
};

TEST_F(DiskTuningTest, IsKeptForItsDiskAlone) {
  EXPECT_FALSE(KeptTuning(folder_.path(), file_).has_value());
  ASSERT_TRUE(KeepTuning("/proc", {{.depth = 2, .block_bytes = 8192}, 5e8}, file_).ok());
  EXPECT_FALSE(KeptTuning(folder_.path(), file_).has_value());
  const DiskTuning measured{{.depth = 64, .block_bytes = 1 << 18}, 2.5e9};
  ASSERT_TRUE(KeepTuning(folder_.path(), measured, file_).ok());
  const auto kept = KeptTuning(file_, file_);  // a file is on its folder's disk
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->tuning.depth, 64u);
  EXPECT_EQ(kept->tuning.block_bytes, std::uint64_t{1} << 18);
  EXPECT_EQ(kept->bytes_per_s, 2.5e9);
  EXPECT_EQ(KeptTuning("/proc", file_)->tuning.depth, 2u);
}

TEST_F(DiskTuningTest, WhatMakesNoSenseIsNotThere) {
  ASSERT_TRUE(KeepTuning(folder_.path(), {{.depth = 4, .block_bytes = 4096}, 1}, file_).ok());
  const std::string good = ReadFile(file_).value();
  for (const auto& [part, other] : {std::pair{"\"depth\": 4", "\"depth\": 0"},
                                    {"\"depth\": 4", "\"depth\": 4000000"},
                                    {"\"depth\": 4", "\"depth\": -1"},
                                    {"\"depth\": 4", "\"depth\": \"4\""},
                                    {"4096", "4095"},
                                    {"4096", "0"},
                                    {"4096", "1099511627776"},
                                    {"\"disks\"", "\"desks\""},
                                    {"{", "["}}) {
    std::string text = good;
    const std::size_t at = text.find(part);
    ASSERT_NE(at, std::string::npos) << part;
    text.replace(at, std::string(part).size(), other);
    ASSERT_TRUE(WriteFile(file_, text).ok());
    EXPECT_FALSE(KeptTuning(folder_.path(), file_).has_value()) << text;
  }
  // And does not stay.
  EXPECT_TRUE(KeepTuning(folder_.path(), {{.depth = 4, .block_bytes = 4096}, 1}, file_).ok());
  EXPECT_TRUE(KeptTuning(folder_.path(), file_).has_value());
}

TEST_F(DiskTuningTest, WithoutAHomeNothingIsKept) {
  EXPECT_FALSE(KeepTuning(folder_.path(), {}, "").ok());
  EXPECT_FALSE(KeptTuning(folder_.path(), "").has_value());
  EXPECT_FALSE(KeptTuning("/no/such/folder", file_).has_value());
}

}  // namespace
}  // namespace hadal::io
