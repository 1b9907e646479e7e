#include "measure/bench_figures.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace hadal::measure {
namespace {

BenchReport Report() {
  BenchReport report;
  report.model = "small";
  report.chunk_tokens = 16;
  report.prefill = {{.tokens = 40, .threads = 1, .tokens_per_s = {80, 70, 90}}};
  report.decode = {{.threads = 1,
                    .batch = 1,
                    .tokens_per_s = {20, 19, 21},
                    .read_bytes_per_s = {},
                    .state_bytes = 1000},
                   {.depth = 1024,
                    .threads = 1,
                    .batch = 1,
                    .tokens_per_s = {10, 9, 11},
                    .read_bytes_per_s = {},
                    .state_bytes = 2000}};
  report.prefix = {
      {.tokens = 700, .threads = 1, .read_seconds = 7, .kept_seconds = {0.5, 0.25, 1}}};
  report.notes = {"a note"};
  return report;
}

TEST(BenchFigures, AreTextAndMarkdown) {
  const std::string text = BenchText(Report(), BenchForm::kText);
  for (const char* part : {"share of bandwidth", "share of peak", "a note", "80.0", "1,024"})
    EXPECT_NE(text.find(part), std::string::npos) << part;
  EXPECT_EQ(text.find('|'), std::string::npos);
  EXPECT_NE(BenchText(Report(), BenchForm::kMarkdown).find('|'), std::string::npos);
}

TEST(BenchFigures, AreALineEachInCsv) {
  const std::string csv = BenchText(Report(), BenchForm::kCsv);
  EXPECT_EQ(std::ranges::count(csv, '\n'), 1 + 1 + 2 + 2);
  EXPECT_NE(csv.find("prefix_read,700,0,1,1,100,100,100,,\n"), std::string::npos) << csv;
  EXPECT_NE(csv.find("prefix_kept,700,0,1,1,1400,700,2800,,\n"), std::string::npos) << csv;
  EXPECT_NE(csv.find("decode,1,1024,1,1,10,9,11,0,1\n"), std::string::npos) << csv;
}

TEST(BenchFigures, WhatWasNotReadHasNoTimeOfReading) {
  BenchReport report = Report();
  report.prefix[0].read_seconds = 0;
  const std::string csv = BenchText(report, BenchForm::kCsv);
  EXPECT_EQ(csv.find("prefix_read"), std::string::npos) << csv;
  EXPECT_NE(csv.find("prefix_kept"), std::string::npos) << csv;
  EXPECT_EQ(BenchText(report, BenchForm::kText).find(" 0x"), std::string::npos);
}

TEST(BenchFigures, OfExpertsFromDiskHaveTheirBound) {
  BenchReport report = Report();
  report.routing = "by lot";
  report.experts = 10;
  report.decode[0].experts = {.hits = 0.25, .missed_bytes = {3e6, 1e6, 0}, .waiting = 0.125};
  report.decode[0].experts->bound_tokens_per_s = 25;
  const std::string text = BenchText(report, BenchForm::kText);
  for (const char* part : {"experts chosen by lot", "25.0%", "80.0%", "12.5%"})
    EXPECT_NE(text.find(part), std::string::npos) << part << text;
  const Json json = BenchJson(report);
  const Json& experts = *json.Find("decode")->AsArray()->at(0).Find("experts");
  EXPECT_EQ(*experts.Find("missed_bytes_per_token")->AsNumber(), 4e6);
  EXPECT_EQ(*experts.Find("missed_bytes_by_token_id")->AsNumber(), 3e6);
  EXPECT_EQ(*experts.Find("share_of_bound")->AsNumber(), 0.8);
  EXPECT_EQ(*json.Find("routing")->AsString(), "by lot");
  report.decode[0].experts->bound_tokens_per_s = 0;  // the disk was not measured
  EXPECT_TRUE(BenchJson(report)
                  .Find("decode")
                  ->AsArray()
                  ->at(0)
                  .Find("experts")
                  ->Find("share_of_bound")
                  ->is_null());
}

TEST(BenchFigures, AreJson) {
  const Json json = BenchJson(Report());
  const Json& decode = (*json.Find("decode")->AsArray())[1];
  EXPECT_EQ(*decode.Find("depth")->AsInt(), 1024);
  EXPECT_EQ(decode.Find("samples")->Find("max")->AsNumber().value(), 11);
  EXPECT_EQ((*json.Find("prefill")->AsArray())[0].Find("tokens_per_s")->AsNumber().value(), 80);
  EXPECT_EQ((*json.Find("prefix")->AsArray())[0].Find("gain")->AsNumber().value(), 14);
  EXPECT_EQ(*(*json.Find("notes")->AsArray())[0].AsString(), "a note");
}

TEST(BenchFigures, AreDrawnOverTheirDepths) {
  const std::string svg = BenchSvg(Report());
  EXPECT_EQ(svg.find("<svg"), 0u);
  EXPECT_NE(svg.find(">1K<"), std::string::npos);
  EXPECT_NE(svg.find("1 thr., batch 1"), std::string::npos);
}

}  // namespace
}  // namespace hadal::measure
