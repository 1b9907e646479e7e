// What guessing is worth on this machine (engine/speculation.h): what a pass of a few rows of one
// text costs, from which share of right guesses on it pays, and how often guesses are right and how
// fast texts come, in prose, in chat and in copied text.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/draft_counts.h"
#include "measure/bench.h"

namespace hadal::measure {

struct SpeculateRows {  // at one depth
  std::uint64_t depth = 0;
  std::vector<double> seconds;  // [i]: of a pass of i + 1 rows, with the logits of each; medians
  double mtp_seconds = 0;       // of the block behind a pass of one row; 0: there is none
  // The share of right guesses from which one guess a pass pays; above 1: never.
  double break_even(bool with_mtp) const {
    return (seconds[1] - seconds[0] + (with_mtp ? mtp_seconds : 0)) / seconds[0];
  }
};

struct SpeculateText {  // one way of guessing in one kind of text
  std::string kind, drafting;
  double temperature = 0;
  std::size_t tokens = 0;
  double tokens_per_s = 0;  // of decoding, the median of the runs
  double against_off = 0;   // the median of each run's share of the run without guesses beside it
  engine::DraftCounts drafts = {};  // of one run
};

struct SpeculateReport {
  std::string model;
  std::size_t threads = 0;
  std::vector<SpeculateRows> rows;
  std::vector<SpeculateText> texts;  // empty: the model has no tokenizer
  std::vector<std::string> notes;
};

// Of the options counts model, depth, repeat, threads (the first), quick and cancel. kInvalid,
// kExhausted as RunBench. kCorrupt: a text was not the same with guesses as without.
Result<SpeculateReport> RunSpeculateBench(const BenchOptions& options,
                                          const std::function<void(const std::string&)>& on_step);

std::string SpeculateReportText(const SpeculateReport& report, bool markdown);
Json SpeculateReportJson(const SpeculateReport& report);

}  // namespace hadal::measure
