#include "train/run_log.h"

#include <charconv>
#include <sstream>
#include <utility>

#include "io/file.h"

namespace hadal::train {
namespace {

constexpr char kHeader[] =
    "step,stage,lr,loss,mtp_loss,balance_loss,indexer_loss,gradient_norm,heldout_nats_per_token,"
    "heldout_bits_per_byte\n";
constexpr std::size_t kColumns = 10;

std::string FormatLine(const LogLine& line) {
  std::string text = fmt::format("{},{},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},{:.6g},", line.step,
                                 StageName(line.stage), line.lr, line.loss, line.mtp_loss,
                                 line.balance_loss, line.indexer_loss, line.gradient_norm);
  if (line.heldout)
    text += fmt::format("{:.6g},{:.6g}", line.heldout->nats_per_token, line.heldout->bits_per_byte);
  else
    text += ",";
  return text + "\n";
}

std::vector<std::string> SplitCells(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line) {
    if (c == ',')
      cells.emplace_back();
    else
      cells.back() += c;
  }
  return cells;
}

bool ParseNumber(const std::string& cell, double* value) {
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), *value);
  return error == std::errc() && end == cell.data() + cell.size();
}

bool ParseLine(const std::vector<std::string>& cells, LogLine* line) {
  if (cells.size() != kColumns) return false;
  double step = 0;
  if (!ParseNumber(cells[0], &step)) return false;
  line->step = static_cast<std::size_t>(step);
  bool known = false;
  for (const Stage stage : {Stage::kDense, Stage::kWarmup, Stage::kSparse}) {
    if (cells[1] != StageName(stage)) continue;
    line->stage = stage;
    known = true;
  }
  double* const numbers[] = {&line->lr,           &line->loss,         &line->mtp_loss,
                             &line->balance_loss, &line->indexer_loss, &line->gradient_norm};
  for (std::size_t i = 0; i < 6; ++i) known = known && ParseNumber(cells[2 + i], numbers[i]);
  if (!known || cells[8].empty()) return known;
  HeldoutScore score;
  known =
      ParseNumber(cells[8], &score.nats_per_token) && ParseNumber(cells[9], &score.bits_per_byte);
  line->heldout = score;
  return known;
}

}  // namespace

Result<std::vector<LogLine>> ParseRunLog(const std::string& text, const std::string& path) {
  std::istringstream in(text);
  std::vector<LogLine> lines;
  std::string row;
  for (std::size_t number = 1; std::getline(in, row); ++number) {
    if (number == 1 && row + "\n" == kHeader) continue;
    LogLine line;
    if (number == 1 || !ParseLine(SplitCells(row), &line))
      return Fail(Code::kCorrupt, "{}:{}: found '{}', expected {}", path, number, row.substr(0, 60),
                  number == 1 ? "the header of a training log" : "10 columns of numbers");
    lines.push_back(line);
  }
  return lines;
}

Result<RunLog> RunLog::Create(const std::string& path) {
  HADAL_TRY(LogFile file, LogFile::Create(path, kHeader));
  return RunLog(std::move(file), {});
}

Result<RunLog> RunLog::Continue(const std::string& path, std::uint64_t bytes) {
  HADAL_TRY(LogFile file, LogFile::Continue(path, bytes));
  HADAL_TRY(const std::string text, io::ReadFile(path));
  HADAL_TRY(std::vector<LogLine> lines, ParseRunLog(text, path));
  return RunLog(std::move(file), std::move(lines));
}

Status RunLog::Append(const LogLine& line) {
  HADAL_TRY_STATUS(file_.Append(FormatLine(line)));
  lines_.push_back(line);
  return Unit{};
}

}  // namespace hadal::train
