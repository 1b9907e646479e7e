#include <algorithm>

#include "base/table.h"
#include "base/units.h"
#include "measure/bench_speculate.h"

namespace hadal::measure {
namespace {

std::string Share(double value) { return fmt::format("{:.2f}", value); }

Table RowsTable(const SpeculateReport& report) {
  Table table({">depth", ">1 row", ">2 rows", ">3 rows", ">4 rows", ">MTP block",
               ">break-even, ngram", ">break-even, mtp"});
  for (const SpeculateRows& rows : report.rows) {
    const auto of = [&](std::size_t i) {
      return fmt::format("{:.2f}x", rows.seconds[i] / rows.seconds[0]);
    };
    const bool mtp = rows.mtp_seconds > 0;
    table.Row({FormatCount(rows.depth), fmt::format("{:.2f} ms", 1e3 * rows.seconds[0]), of(1),
               of(2), of(3), mtp ? fmt::format("{:.2f}x", rows.mtp_seconds / rows.seconds[0]) : "",
               Share(rows.break_even(false)), mtp ? Share(rows.break_even(true)) : ""});
  }
  return table;
}

Table TextsTable(const SpeculateReport& report) {
  Table table({"text", ">temperature", "guesses", ">tokens", ">tokens/s", ">of off", ">tried",
               ">right", "by place"});
  for (const SpeculateText& text : report.texts) {
    const engine::DraftCounts& d = text.drafts;
    std::string places;
    for (std::size_t i = 0; i < std::min<std::size_t>(d.tried_at.size(), 4); ++i)
      if (d.tried_at[i] > 0)
        places +=
            fmt::format("{}{:.2f}", i == 0 ? "" : " ",
                        static_cast<double>(d.accepted_at[i]) / static_cast<double>(d.tried_at[i]));
    table.Row(
        {text.kind, fmt::format("{}", text.temperature), text.drafting, FormatCount(text.tokens),
         fmt::format("{:.1f}", text.tokens_per_s), fmt::format("{:.2f}x", text.against_off),
         FormatCount(d.tried),
         d.tried > 0 ? Share(static_cast<double>(d.accepted) / static_cast<double>(d.tried)) : "",
         places});
  }
  return table;
}

}  // namespace

std::string SpeculateReportText(const SpeculateReport& report, bool markdown) {
  const auto print = [&](const Table& table) { return markdown ? table.Markdown() : table.Text(); };
  std::string out = fmt::format("{}, {} threads: a pass of some rows of one text, medians\n\n",
                                report.model, report.threads) +
                    print(RowsTable(report));
  if (!report.texts.empty())
    out += "\nthe same texts with and without guesses; all and right ones are of one run\n\n" +
           print(TextsTable(report));
  for (const std::string& note : report.notes) out += note + "\n";
  return out;
}

Json SpeculateReportJson(const SpeculateReport& report) {
  Json::Array rows, texts;
  for (const SpeculateRows& at : report.rows) {
    Json::Array seconds(at.seconds.begin(), at.seconds.end());
    rows.push_back(Json::MakeObject({{"depth", at.depth},
                                     {"seconds_by_rows", std::move(seconds)},
                                     {"mtp_seconds", at.mtp_seconds},
                                     {"break_even_ngram", at.break_even(false)},
                                     {"break_even_mtp", at.break_even(true)}}));
  }
  for (const SpeculateText& text : report.texts)
    texts.push_back(Json::MakeObject({{"text", text.kind},
                                      {"temperature", text.temperature},
                                      {"speculate", text.drafting},
                                      {"tokens", std::uint64_t{text.tokens}},
                                      {"tokens_per_s", text.tokens_per_s},
                                      {"against_off", text.against_off},
                                      {"tried", text.drafts.tried},
                                      {"accepted", text.drafts.accepted}}));
  return Json::MakeObject({{"model", report.model},
                           {"threads", std::uint64_t{report.threads}},
                           {"rows", std::move(rows)},
                           {"texts", std::move(texts)}});
}

}  // namespace hadal::measure
