// The log of a run: one CSV line a step, the same bytes whether or not the run was interrupted.
// What depends on the clock goes elsewhere (trainer.h: run_speed.csv).
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "train/log_file.h"
#include "train/schedule.h"

namespace hadal::train {

struct HeldoutScore {
  double nats_per_token = 0, bits_per_byte = 0;
};

struct LogLine {
  std::size_t step = 0;  // from 1: how many steps are done
  Stage stage = Stage::kDense;
  double lr = 0, loss = 0, mtp_loss = 0, balance_loss = 0, indexer_loss = 0, gradient_norm = 0;
  std::optional<HeldoutScore> heldout;
};

class RunLog {
 public:
  // A new file with the header line, in place of one that may be there.
  static Result<RunLog> Create(const std::string& path);
  // Continues `path` behind its first `bytes` bytes; what follows them is cut off.
  // kCorrupt: the file is shorter.
  static Result<RunLog> Continue(const std::string& path, std::uint64_t bytes);

  Status Append(const LogLine& line);
  // On disk when this returns; the file's size.
  Result<std::uint64_t> Sync() { return file_.Sync(); }
  // Lines so far, those of earlier runs included.
  const std::vector<LogLine>& lines() const { return lines_; }

 private:
  RunLog(LogFile file, std::vector<LogLine> lines)
      : file_(std::move(file)), lines_(std::move(lines)) {}
  LogFile file_;
  std::vector<LogLine> lines_;
};

// kCorrupt: "PATH:LINE: ...".
Result<std::vector<LogLine>> ParseRunLog(const std::string& text, const std::string& path);

}  // namespace hadal::train
