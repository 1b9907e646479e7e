// hadal eval: how right the engine is, and how good a model is.
#include <cstdio>
#include <memory>
#include <optional>

#include "base/progress.h"
#include "base/stop_signal.h"
#include "base/table.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/note.h"
#include "engine/model_files.h"
#include "eval/golden.h"
#include "eval/perplexity.h"
#include "io/file.h"
#include "text/utf8.h"

namespace hadal::cli {
namespace {

constexpr const char* kGoldenAbout =
    "Compare the engine with golden cases: small checkpoints with the official code's results.\n"
    "\n"
    "DIR is a case (config.json, model*.safetensors, expected.safetensors) or holds cases. Errors "
    "are\n"
    "||got - want|| / ||want|| of each position. Exit code 1: a case is out of tolerance, or "
    "cannot "
    "be\n"
    "read; the others are examined all the same.\n"
    "\n"
    "Examples:\n"
    "  hadal eval golden cases/\n"
    "  hadal eval golden cases/tiny-f32 cases/tiny-long --json";

constexpr const char* kPerplexityAbout =
    "How well a model predicts texts: nats a token and bits a byte. Lower is better.\n"
    "\n"
    "Example:\n"
    "  hadal eval perplexity -m models/embedded -f book.txt --context 2048";

struct GoldenOptions {
  std::vector<std::string> directories;
  std::size_t threads = 0;
  bool json = false, verbose = false;
};

std::string Short(double v) { return v == 0 ? "0" : fmt::format("{:.1e}", v); }

std::string LimitText(const eval::GoldenFigure& f) {
  if (f.error_limit)
    return fmt::format("{} {} {}", Short(f.error_limit->median), Short(f.error_limit->p95),
                       Short(f.error_limit->max));
  if (!f.value_limit) return "";
  return fmt::format("{} {:.4g}", f.at_least ? ">=" : "<=", *f.value_limit);
}

void AddRow(const std::string& name, const eval::GoldenFigure& f, Table* table) {
  std::string first, second, third;
  if (f.error) {
    first = Short(f.error->median);
    second = Short(f.error->p95);
    third = Short(f.error->max);
  } else if (f.value) {
    first = fmt::format("{:.4g}", *f.value);
  }
  const bool limited = f.error_limit || f.value_limit;
  table->Row({name, f.engine, f.against, f.detail ? "  " + f.what : f.what, first, second, third,
              LimitText(f),
              !f.pass   ? "FAIL"
              : limited ? "ok"
                        : ""});
}

void PrintReports(const std::vector<eval::GoldenReport>& reports, bool verbose) {
  Table table({"case", "engine", "against", "what", ">median", ">95%", ">max", "limit", ""});
  std::size_t passed = 0;
  for (const eval::GoldenReport& report : reports) {
    passed += report.pass ? 1 : 0;
    for (const eval::GoldenFigure& figure : report.figures) {
      const bool limited = figure.error_limit || figure.value_limit;
      if (verbose || !figure.pass || (limited && !figure.detail))
        AddRow(report.name, figure, &table);
    }
  }
  for (const eval::GoldenReport& report : reports)
    if (!report.error.empty()) PrintNote(report.error);
  std::fprintf(stdout, "%s\n%zu of %zu cases within tolerance\n", table.Text().c_str(), passed,
               reports.size());
}

Status Golden(const GoldenOptions& options) {
  std::vector<std::string> cases;
  for (const std::string& directory : options.directories) {
    HADAL_TRY(const std::vector<std::string> found, eval::FindGoldenCases(directory));
    cases.insert(cases.end(), found.begin(), found.end());
  }
  Threads threads(options.threads);
  std::vector<eval::GoldenReport> reports;
  std::string failed;
  {
    Progress progress("golden cases", cases.size(), options.json);
    for (const std::string& directory : cases) {
      progress.Set(reports.size(), directory);
      auto report = eval::RunGolden(directory, threads);
      reports.push_back(report.ok() ? std::move(*report)
                                    : eval::UnreadCase(directory, report.error()));
      for (const std::string& note : reports.back().notes) PrintNote(note);
      if (!reports.back().pass) failed += (failed.empty() ? "" : ", ") + reports.back().name;
    }
  }
  if (options.json) {
    Json::Array array;
    for (const eval::GoldenReport& report : reports) array.push_back(ToJson(report));
    const Json all = Json::MakeObject({{"cases", std::move(array)}});
    std::fprintf(stdout, "%s\n", all.Dump(2).c_str());
  } else {
    PrintReports(reports, options.verbose);
  }
  if (!failed.empty()) return Fail(Code::kInvalid, "out of tolerance, or not read: {}", failed);
  return Unit{};
}

struct PerplexityOptions {
  std::string model;
  std::vector<std::string> files;
  eval::PerplexityOptions engine;
  std::size_t threads = 0;
  bool no_bos = false, json = false;
};

Json ResultJson(const std::string& name, const eval::PerplexityResult& r) {
  return Json::MakeObject({{"file", name},
                           {"tokens", r.tokens},
                           {"bytes", r.bytes},
                           {"nats_per_token", r.nats_per_token()},
                           {"bits_per_byte", r.bits_per_byte()},
                           {"perplexity", r.perplexity()}});
}

void PrintPerplexity(const std::vector<std::pair<std::string, eval::PerplexityResult>>& rows) {
  Table table({"file", ">tokens", ">bytes", ">nats/token", ">bits/byte", ">perplexity"});
  for (const auto& [name, r] : rows)
    table.Row({name, FormatCount(r.tokens), FormatCount(r.bytes),
               fmt::format("{:.4f}", r.nats_per_token()), fmt::format("{:.4f}", r.bits_per_byte()),
               fmt::format("{:.3f}", r.perplexity())});
  std::fprintf(stdout, "%s", table.Text().c_str());
}

// Bytes that are no text would count as what they are read as.
Result<std::vector<std::string>> ReadTexts(const std::vector<std::string>& paths) {
  std::vector<std::string> texts;
  for (const std::string& path : paths) {
    HADAL_TRY(std::string text, io::ReadFile(path));
    if (const std::size_t valid = text::ValidUtf8Prefix(text); valid < text.size())
      return Fail(Code::kInvalid, "{}: byte {} is not UTF-8; only text can be measured", path,
                  valid);
    texts.push_back(std::move(text));
  }
  return texts;
}

Status Perplexity(const PerplexityOptions& options) {
  HADAL_TRY(const std::vector<std::string> texts, ReadTexts(options.files));
  HADAL_TRY(const engine::ModelFiles files, engine::OpenModel(options.model));
  for (const std::string& note : files.model.notes) PrintNote(note);
  Threads threads(options.threads);
  eval::PerplexityOptions engine = options.engine;
  engine.bos = !options.no_bos;
  engine.cancel = &StopRequested();
  const std::size_t context = eval::ContextOf(engine, files.model.config);
  if (!engine.context && context < eval::kDefaultContext)
    PrintNote(fmt::format("sequences of {} tokens: the model's context", context));
  std::vector<std::pair<std::string, eval::PerplexityResult>> rows;
  eval::PerplexityResult all;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string& path = options.files[i];
    const std::vector<text::TokenId> tokens = files.tokenizer.Encode(texts[i]);
    Progress progress(path, tokens.size(), options.json);
    auto result = eval::Perplexity(
        files.model, files.tokenizer, threads, tokens, engine,
        {.on_progress =
             [&](std::size_t done, std::size_t) {
               progress.Set(done, fmt::format("{:.0f} tokens/s", progress.PerSecond(done)));
             },
         .on_note =
             [&](std::string_view line) {
               if (rows.empty()) PrintNote(line);  // the same for every file
             }});
    if (!result.ok()) return Within(path, result.error());
    all.tokens += result->tokens;
    all.bytes += result->bytes;
    all.nats += result->nats;
    rows.emplace_back(path, *result);
  }
  if (rows.size() > 1) rows.emplace_back("all", all);
  if (!options.json) {
    PrintPerplexity(rows);
    return Unit{};
  }
  Json::Array array;
  for (const auto& [name, result] : rows) array.push_back(ResultJson(name, result));
  const Json out =
      Json::MakeObject({{"context", std::uint64_t{context}}, {"files", std::move(array)}});
  std::fprintf(stdout, "%s\n", out.Dump(2).c_str());
  return Unit{};
}

void AddGolden(Command eval, Work* work) {
  auto options = std::make_shared<GoldenOptions>();
  const Command golden = eval.AddCommand("golden", kGoldenAbout);
  golden.AddOption("DIR", options->directories, "cases, or folders of cases").Required();
  AddThreads(golden, &options->threads);
  golden.AddFlag("--verbose", options->verbose, "also the parts of each figure");
  golden.AddFlag("--json", options->json, "print one JSON object");
  golden.OnChosen([options, work] { *work = [options] { return Golden(*options); }; });
}

void AddPerplexity(Command eval, Work* work) {
  auto options = std::make_shared<PerplexityOptions>();
  const Command perplexity = eval.AddCommand("perplexity", kPerplexityAbout);
  perplexity.AddOption("-m,--model", options->model,
                       "checkpoint directory (default: the embedded model)");
  perplexity.AddOption("-f,--file", options->files, "a text; may be given several times")
      .Required();
  perplexity
      .AddOption("--context", options->engine.context,
                 "the text is cut into sequences of so many tokens (default: 2048, or the model's "
                 "context)")
      .Check(Size(2, std::uint64_t{1} << 24));
  AddRam(perplexity, &options->engine.ram_bytes);
  AddThreads(perplexity, &options->threads);
  perplexity.AddFlag("--no-bos", options->no_bos, "no BOS token in front of each sequence");
  perplexity.AddFlag("--json", options->json, "print one JSON object");
  perplexity.OnChosen([options, work] { *work = [options] { return Perplexity(*options); }; });
}

}  // namespace

void AddEval(Command app, Work* work) {
  const Command eval = app.AddCommand("eval",
                                      "Check the engine, or measure a model.\n"
                                      "\n"
                                      "Examples:\n"
                                      "  hadal eval golden cases/\n"
                                      "  hadal eval perplexity -f book.txt\n"
                                      "  hadal eval needle -m models/recall");
  AddGolden(eval, work);
  AddPerplexity(eval, work);
  AddEvalNeedle(eval, work);
  AddEvalAbilities(eval, work);
}

}  // namespace hadal::cli
