#include "measure/bench_figures.h"

#include "base/table.h"
#include "base/units.h"
#include "machine/report.h"

namespace hadal::measure {
namespace {

std::string Number(double v) { return fmt::format("{:.{}f}", v, v < 10 ? 2 : 1); }
std::string Times(double times) { return fmt::format("{:.3f}x", times); }
std::string Percent(double share) { return fmt::format("{:.1f}%", 100 * share); }

Table PrefillTable(const BenchReport& report) {
  Table table({">tokens", ">at depth", ">threads", ">tokens/s", ">min", ">max", ">GFLOP/token",
               ">GFLOP/s", ">share of peak", ">of the first"});
  for (const PrefillFigure& f : report.prefill)
    table.Row({FormatCount(f.tokens), FormatCount(f.depth), std::to_string(f.threads),
               Number(f.tokens_per_s.median), Number(f.tokens_per_s.min),
               Number(f.tokens_per_s.max), Number(f.flops_per_token / 1e9),
               Number(f.flops_per_s() / 1e9), Percent(f.share_of_peak), Times(f.times_first)});
  return table;
}

Table PrefixTable(const BenchReport& report) {
  Table table({">prompt", ">threads", ">read, ms", ">kept, ms", ">min", ">max", ">gain", ">state",
               ">from disk, ms", ">written, ms", ">on disk", ">windows", ">read without, ms"});
  const auto of_disk = [](const PrefixFigure& f, double seconds) {
    return f.disk_bytes == 0 ? std::string("-") : Number(1e3 * seconds);
  };
  for (const PrefixFigure& f : report.prefix)
    table.Row({FormatCount(f.tokens), std::to_string(f.threads),
               f.was_read() ? Number(1e3 * f.read_seconds) : "-",
               Number(1e3 * f.kept_seconds.median), Number(1e3 * f.kept_seconds.min),
               Number(1e3 * f.kept_seconds.max),
               f.was_read() ? fmt::format("{:.0f}x", f.gain()) : "-", FormatBytes(f.state_bytes),
               of_disk(f, f.disk_seconds.median), of_disk(f, f.written_seconds),
               f.disk_bytes == 0 ? "-" : FormatBytes(f.disk_bytes), FormatBytes(f.window_bytes),
               f.again_tokens == 0 ? "-" : Number(1e3 * f.again_seconds.median)});
  return table;
}

Table DecodeTable(const BenchReport& report) {
  Table table({">depth", ">threads", ">batch", ">tokens/s", ">min", ">max", ">GB/token", ">GB/s",
               ">memory gave", ">share of bandwidth", ">of the first", ">GFLOP/s", ">state",
               ">RSS"});
  for (const DecodeFigure& f : report.decode)
    table.Row({FormatCount(f.depth), std::to_string(f.threads), std::to_string(f.batch),
               Number(f.tokens_per_s.median), Number(f.tokens_per_s.min),
               Number(f.tokens_per_s.max), fmt::format("{:.3f}", f.bytes_per_token / 1e9),
               Number(f.bytes_per_s() / 1e9), Number(f.read_bytes_per_s.median / 1e9),
               Percent(f.share_of_bandwidth), Times(f.times_first), Number(f.flops_per_s() / 1e9),
               FormatBytes(f.state_bytes), FormatBytes(f.rss_bytes)});
  return table;
}

void AddTraffic(const std::string& what, const std::optional<ExpertTraffic>& t, double tokens_per_s,
                double disk, Table* table) {
  if (!t) return;
  const bool bounded = t->bound_tokens_per_s > 0;
  table->Row({what, fmt::format("{:.3f}", t->read_bytes_per_token / 1e9), Percent(t->hits),
              Percent(t->held), Percent(t->coming), Percent(t->guessed_right),
              Number(t->disk_bytes_per_s / 1e9),
              disk > 0 ? Percent(t->disk_bytes_per_s / disk) : "", Percent(t->disk_busy),
              Percent(t->waiting), bounded ? Number(t->bound_tokens_per_s) : "",
              bounded ? Percent(tokens_per_s / t->bound_tokens_per_s) : ""});
}

// Empty: the model is mapped.
Table TrafficTable(const BenchReport& report) {
  Table table({"experts from disk", ">GB/token", ">hits", ">held", ">coming", ">guesses right",
               ">GB/s", ">share of disk", ">disk busy", ">waiting", ">bound, tokens/s",
               ">share of it"});
  const double disk = report.machine.disk ? report.machine.disk->best.bytes_per_s : 0;
  for (const PrefillFigure& f : report.prefill)
    AddTraffic(fmt::format("prefill of {} at {}", FormatCount(f.tokens), FormatCount(f.depth)),
               f.experts, f.tokens_per_s.median, disk, &table);
  for (const DecodeFigure& f : report.decode)
    AddTraffic(fmt::format("decode at {}, batch {}", FormatCount(f.depth), f.batch), f.experts,
               f.tokens_per_s.median, disk, &table);
  return table;
}

Table CostTable(const BenchReport& report) {
  Table table({">depth", "component", ">MB/token", ">MFLOP/token"});
  for (const ComponentCost& c : report.costs)
    table.Row({FormatCount(c.depth), c.component,
               fmt::format("{:.2f}", static_cast<double>(c.bytes) / 1e6),
               fmt::format("{:.2f}", static_cast<double>(c.flops) / 1e6)});
  return table;
}

Table MemoryTable(const BenchReport& report) {
  Table table({"memory", ">"});
  for (const MemoryPart& part : report.memory) table.Row({part.name, FormatBytes(part.bytes)});
  return table;
}

std::string Heading(const BenchReport& report) {
  const std::string routing = report.routing.empty() ? "" : "; experts chosen " + report.routing;
  return fmt::format(
      "{}: median of {} samples, prefill in chunks of {}; depth reached by {}; opened in {:.3f} s, "
      "first token after {:.3f} s more{}",
      report.model, report.repeat, report.chunk_tokens,
      report.random_fill ? "a random state" : "reading tokens", report.open_seconds,
      report.first_token_seconds, routing);
}

std::string Notes(const BenchReport& report) {
  std::string text;
  for (const std::string& note : report.notes) text += note + "\n";
  return text;
}

std::string Csv(const BenchReport& report) {
  std::string text = "phase,tokens,depth,threads,batch,tokens_per_s,min,max,share,times_first\n";
  for (const PrefillFigure& f : report.prefill)
    text += fmt::format("prefill,{},{},{},1,{},{},{},{},{}\n", f.tokens, f.depth, f.threads,
                        f.tokens_per_s.median, f.tokens_per_s.min, f.tokens_per_s.max,
                        f.share_of_peak, f.times_first);
  for (const PrefixFigure& f : report.prefix) {
    const auto tokens = static_cast<double>(f.tokens);
    if (f.was_read())
      text += fmt::format("prefix_read,{0},0,{1},1,{2},{2},{2},,\n", f.tokens, f.threads,
                          tokens / f.read_seconds);
    text += fmt::format("prefix_kept,{},0,{},1,{},{},{},,\n", f.tokens, f.threads,
                        tokens / f.kept_seconds.median, tokens / f.kept_seconds.max,
                        tokens / f.kept_seconds.min);
  }
  for (const DecodeFigure& f : report.decode)
    text += fmt::format("decode,1,{},{},{},{},{},{},{},{}\n", f.depth, f.threads, f.batch,
                        f.tokens_per_s.median, f.tokens_per_s.min, f.tokens_per_s.max,
                        f.share_of_bandwidth, f.times_first);
  return text;
}

Json TrafficJson(const std::optional<ExpertTraffic>& t, double tokens_per_s) {
  if (!t) return nullptr;
  const bool bounded = t->bound_tokens_per_s > 0;
  return Json::MakeObject(
      {{"read_bytes_per_token", t->read_bytes_per_token},
       {"held", t->held},
       {"coming", t->coming},
       {"hits", t->hits},
       {"missed_bytes_per_token", t->missed_bytes.sum()},
       {"missed_bytes_by_token_id", t->missed_bytes.by_token},
       {"guessed_right", t->guessed_right},
       {"disk_bytes_per_s", t->disk_bytes_per_s},
       {"disk_busy", t->disk_busy},
       {"waiting", t->waiting},
       {"bound_tokens_per_s", bounded ? Json(t->bound_tokens_per_s) : Json()},
       {"share_of_bound", bounded ? Json(tokens_per_s / t->bound_tokens_per_s) : Json()}});
}

Json Rates(const machine::Samples& samples) {
  return Json::MakeObject({{"median", samples.median}, {"min", samples.min}, {"max", samples.max}});
}

}  // namespace

std::string BenchText(const BenchReport& report, BenchForm form) {
  if (form == BenchForm::kCsv) return Csv(report);
  const auto table = [form](const Table& t) {
    return "\n" + (form == BenchForm::kMarkdown ? t.Markdown() : t.Text());
  };
  std::string text = Heading(report) + "\n";
  if (form == BenchForm::kMarkdown)
    text += "\n```\n" + machine::ToText(report.machine) + "```\n";
  else
    text += "\n" + machine::ToText(report.machine);
  if (!report.prefill.empty()) text += table(PrefillTable(report));
  if (!report.prefix.empty()) text += table(PrefixTable(report));
  if (!report.decode.empty()) text += table(DecodeTable(report));
  if (report.experts > 0)
    text += fmt::format("\n{} of {} experts held\n", FormatCount(report.held_experts),
                        FormatCount(report.experts)) +
            table(TrafficTable(report));
  if (!report.costs.empty()) text += table(CostTable(report));
  if (!report.memory.empty())
    text += fmt::format("\nat depth {}, batch {}:\n", FormatCount(report.memory_depth),
                        report.memory_batch) +
            table(MemoryTable(report));
  return text + (report.notes.empty() ? "" : "\n" + Notes(report));
}

Json BenchJson(const BenchReport& report) {
  Json::Array prefill, prefix, decode, costs, notes;
  for (const PrefillFigure& f : report.prefill)
    prefill.push_back(
        Json::MakeObject({{"tokens", f.tokens},
                          {"depth", f.depth},
                          {"threads", std::uint64_t{f.threads}},
                          {"tokens_per_s", f.tokens_per_s.median},
                          {"samples", Rates(f.tokens_per_s)},
                          {"flops_per_token", f.flops_per_token},
                          {"flops_per_s", f.flops_per_s()},
                          {"share_of_peak", f.share_of_peak},
                          {"times_first", f.times_first},
                          {"experts", TrafficJson(f.experts, f.tokens_per_s.median)}}));
  for (const PrefixFigure& f : report.prefix)
    prefix.push_back(Json::MakeObject({{"tokens", f.tokens},
                                       {"threads", std::uint64_t{f.threads}},
                                       {"read_seconds", f.read_seconds},
                                       {"kept_seconds", f.kept_seconds.median},
                                       {"samples", Rates(f.kept_seconds)},
                                       {"gain", f.gain()},
                                       {"state_bytes", f.state_bytes},
                                       {"disk_bytes", f.disk_bytes},
                                       {"written_seconds", f.written_seconds},
                                       {"disk_seconds", f.disk_seconds.median},
                                       {"window_bytes", f.window_bytes},
                                       {"again_tokens", f.again_tokens},
                                       {"again_seconds", f.again_seconds.median}}));
  for (const DecodeFigure& f : report.decode)
    decode.push_back(
        Json::MakeObject({{"depth", f.depth},
                          {"threads", std::uint64_t{f.threads}},
                          {"batch", std::uint64_t{f.batch}},
                          {"tokens_per_s", f.tokens_per_s.median},
                          {"samples", Rates(f.tokens_per_s)},
                          {"bytes_per_token", f.bytes_per_token},
                          {"flops_per_token", f.flops_per_token},
                          {"bytes_per_s", f.bytes_per_s()},
                          {"flops_per_s", f.flops_per_s()},
                          {"read_bytes_per_s", f.read_bytes_per_s.median},
                          {"share_of_bandwidth", f.share_of_bandwidth},
                          {"times_first", f.times_first},
                          {"state_bytes", f.state_bytes},
                          {"rss", f.rss_bytes},
                          {"experts", TrafficJson(f.experts, f.tokens_per_s.median)}}));
  for (const ComponentCost& c : report.costs)
    costs.push_back(Json::MakeObject({{"depth", c.depth},
                                      {"component", c.key},
                                      {"bytes_per_token", c.bytes},
                                      {"flops_per_token", c.flops}}));
  for (const std::string& note : report.notes) notes.emplace_back(note);
  Json memory = Json::MakeObject(
      {{"depth", report.memory_depth}, {"batch", std::uint64_t{report.memory_batch}}});
  for (const MemoryPart& part : report.memory) memory.Set(part.key, part.bytes);
  return Json::MakeObject({{"model", report.model},
                           {"routing", report.routing},
                           {"fill", report.random_fill ? "random" : "real"},
                           {"chunk_tokens", report.chunk_tokens},
                           {"repeat", std::uint64_t{report.repeat}},
                           {"open_seconds", report.open_seconds},
                           {"first_token_seconds", report.first_token_seconds},
                           {"machine", machine::ToJson(report.machine)},
                           {"prefill", std::move(prefill)},
                           {"prefix", std::move(prefix)},
                           {"decode", std::move(decode)},
                           {"components", std::move(costs)},
                           {"memory", std::move(memory)},
                           {"held_experts", report.held_experts},
                           {"experts", report.experts},
                           {"notes", std::move(notes)}});
}

}  // namespace hadal::measure
