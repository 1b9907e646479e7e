#include "cli/tokenizer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "base/json.h"
#include "base/progress.h"
#include "base/table.h"
#include "base/units.h"
#include "chat/dialect.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/overwrite.h"
#include "io/file.h"
#include "io/folder.h"
#include "text/bpe_trainer.h"
#include "text/tokenizer.h"
#include "text/tokenizer_json.h"

namespace hadal::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTokenizerAbout =
    "Make a tokenizer.\n"
    "\n"
    "Example:\n"
    "  hadal tokenizer train --vocab-size 4096 --out models/mine stories.txt";
constexpr const char* kAboutTrain =
    "Learn a byte-level BPE vocabulary from text and write it as tokenizer.json.\n"
    "\n"
    "The text is split as DeepSeek-V3 and V4 split it. The ids 0, 1 and 2 are BOS, EOS and PAD, "
    "then\n"
    "come the 256 bytes, what is learnt, the control tokens of --chat, and the tokens given with\n"
    "--special in their order.\n"
    "\n"
    "Examples:\n"
    "  hadal tokenizer train --vocab-size 4096 --chat --out models/mine stories.txt\n"
    "  hadal tokenizer train --vocab-size 32K --out mine.json --special \"<think>\" \\\n"
    "      --special \"</think>\" corpus/            every .txt file under corpus/";

// How much of the input is encoded to report its bytes per token.
constexpr std::size_t kSampleBytes = 16 << 20;

const std::vector<std::string>& LeadingTokens() {
  static const std::vector<std::string> tokens = {
      "<\uFF5Cbegin\u2581of\u2581sentence\uFF5C>",
      "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
      "<\uFF5C\u2581pad\u2581\uFF5C>",
  };
  return tokens;
}

Result<std::vector<std::string>> TextFilesUnder(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> files;
  for (fs::recursive_directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error))
    if (std::error_code ignored; it->is_regular_file(ignored) && it->path().extension() == ".txt" &&
                                 !it->path().filename().string().starts_with("._"))
      files.push_back(it->path().string());
  if (error) return Fail(Code::kIo, "{}: {}", directory, error.message());
  if (files.empty())
    return Fail(Code::kNotFound, "{}: found no .txt file in this directory", directory);
  std::ranges::sort(files);  // the folder's own order is arbitrary
  return files;
}

Result<std::vector<io::MappedFile>> OpenInputs(const std::vector<std::string>& inputs) {
  std::vector<io::MappedFile> files;
  for (const std::string& input : inputs) {
    std::vector<std::string> paths = {input};
    std::error_code ignored;
    if (fs::is_directory(input, ignored)) {
      HADAL_TRY(paths, TextFilesUnder(input));
    }
    for (const std::string& path : paths) {
      HADAL_TRY(io::MappedFile file, io::MappedFile::Open(path));
      files.push_back(std::move(file));
    }
  }
  return files;
}

std::string OutputPath(const std::string& out) {
  const fs::path path(out);
  std::error_code ignored;
  if (path.extension() == ".json" && !fs::is_directory(path, ignored)) return out;
  return (path / "tokenizer.json").string();
}

double BytesPerToken(const text::Tokenizer& tokenizer, const std::vector<std::string_view>& texts) {
  std::size_t bytes = 0, tokens = 0;
  for (const std::string_view whole : texts) {
    const std::string_view part = whole.substr(0, kSampleBytes - bytes);
    tokens += tokenizer.Encode(part, text::ControlTokens::kRead).size();
    bytes += part.size();
    if (bytes == kSampleBytes) break;
  }
  return tokens == 0 ? 0 : static_cast<double>(bytes) / static_cast<double>(tokens);
}

struct Summary {
  std::string path;
  std::size_t vocab_size, input_bytes, files;
  double bytes_per_token;
};

void Print(const Summary& summary, bool json, std::ostream& out) {
  if (json) {
    out << Json::MakeObject({{"path", summary.path},
                             {"vocab_size", std::uint64_t{summary.vocab_size}},
                             {"files", std::uint64_t{summary.files}},
                             {"input_bytes", std::uint64_t{summary.input_bytes}},
                             {"bytes_per_token", summary.bytes_per_token}})
               .Dump(2)
        << '\n';
    return;
  }
  Table table({"", ""});
  table.Row({"written", summary.path});
  table.Row({"vocabulary", FormatCount(summary.vocab_size) + " tokens"});
  table.Row({"read", fmt::format("{} in {} {}", FormatBytes(summary.input_bytes), summary.files,
                                 summary.files == 1 ? "file" : "files")});
  table.Row({"bytes per token", fmt::format("{:.2f}", summary.bytes_per_token)});
  out << table.Text();
}

text::BpeTrainOptions BpeOptions(const TrainTokenizerOptions& options) {
  text::BpeTrainOptions bpe = {.vocab_size = options.vocab_size,
                               .leading_tokens = LeadingTokens(),
                               .min_count = options.min_count};
  const auto add = [&bpe](const std::vector<std::string>& tokens) {
    for (const std::string& token : tokens)
      if (std::ranges::find(bpe.leading_tokens, token) == bpe.leading_tokens.end())
        bpe.added_tokens.push_back(token);
  };
  if (options.chat) add(chat::ControlTokens(chat::kDeepSeekV4));
  add(options.special);
  return bpe;
}

}  // namespace

Status TrainTokenizer(const TrainTokenizerOptions& options, std::ostream& out) {
  const std::string path = OutputPath(options.out);
  HADAL_TRY_STATUS(CheckFree({&path, 1}, options.force));  // before the minutes of work
  HADAL_TRY(const std::vector<io::MappedFile> files, OpenInputs(options.inputs));
  std::vector<std::string_view> texts;
  Summary summary = {
      .path = path, .vocab_size = 0, .input_bytes = 0, .files = files.size(), .bytes_per_token = 0};
  for (const io::MappedFile& file : files) {
    texts.emplace_back(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
    summary.input_bytes += file.bytes().size();
  }
  if (summary.input_bytes == 0)
    return Fail(Code::kInvalid, "{}: found no text to learn tokens from", options.inputs[0]);

  std::string json;
  {
    Progress progress("learning tokens", options.vocab_size, options.quiet);
    HADAL_TRY(json, text::TrainBpe(texts, BpeOptions(options), [&](std::size_t done, std::size_t) {
                progress.Set(done, fmt::format("{} tokens", FormatCount(done)));
              }));
  }
  HADAL_TRY(const text::Tokenizer tokenizer, text::Tokenizer::Parse(json));
  std::optional<io::OutFolder> folder;
  if (path != options.out) {
    HADAL_TRY(io::OutFolder made, io::OutFolder::Make(options.out));
    folder.emplace(std::move(made));
  }
  HADAL_TRY_STATUS(io::WriteFile(path, json));
  summary.vocab_size = tokenizer.vocab_size();
  summary.bytes_per_token = BytesPerToken(tokenizer, texts);
  if (summary.vocab_size < options.vocab_size)
    spdlog::warn("vocabulary_smaller asked={} got={} reason=\"no pair occurs {} times any more\"",
                 options.vocab_size, summary.vocab_size, options.min_count);
  Print(summary, options.json, out);
  return Unit{};
}

void AddTokenizer(Command app, Work* work) {
  const Command tokenizer = app.AddCommand("tokenizer", kTokenizerAbout);
  const Command train = tokenizer.AddCommand("train", kAboutTrain);
  auto options = std::make_shared<TrainTokenizerOptions>();
  train.AddOption("--vocab-size", options->vocab_size, "tokens in all; 32K is 32,768")
      .Check(Size(256 + LeadingTokens().size(), text::kMaxTokenIds))
      .ShowDefault();
  train.AddOption("--out", options->out, "a directory, or a file ending in .json").Required();
  train.AddFlag("--chat", options->chat,
                "add every control token of the published chat format (User, Assistant, think, "
                "tool calls, tasks)");
  train.AddOption("--special", options->special, "an added token; may be given several times")
      .OneValueEach();
  train.AddOption("--min-count", options->min_count, "merge no pair that is seen less often")
      .Check(WholeNumber(1, std::numeric_limits<std::int64_t>::max()))
      .ShowDefault();
  AddForce(train, &options->force);
  train.AddFlag("--json", options->json, "print the summary as JSON");
  train.AddOption("TEXT", options->inputs, "files of text, and directories of .txt files")
      .Required();
  train.OnChosen(
      [options, work] { *work = [options] { return TrainTokenizer(*options, std::cout); }; });
}

}  // namespace hadal::cli
