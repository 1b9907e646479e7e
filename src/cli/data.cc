#include "cli/data.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>

#include "base/progress.h"
#include "base/quote.h"
#include "base/stop_signal.h"
#include "base/table.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/overwrite.h"
#include "datagen/documents.h"
#include "io/file.h"
#include "io/folder.h"
#include "text/answer_marks.h"

namespace hadal::cli {
namespace {

constexpr const char* kDataAbout =
    "Write documents to train a small model on: stories, conversations, tool calls, recall.\n"
    "\n"
    "The same seed gives the same documents. The two halves share no names, places, plots, tools\n"
    "or schemas, so that the held-out one measures what was learnt from the other. DIR/KIND.txt\n"
    "holds the documents of a kind with a form feed on a line between two, as hadal train reads\n"
    "them. Marks round the answers of conversations and recall say what is to be learnt.\n"
    "\n"
    "Examples:\n"
    "  hadal data --out data/made story=4000 dialogue=3000 questions=3000 tools=2000\n"
    "  hadal data --out data/made --bytes 40M tools=35 questions=20 story=15 lists=10\n"
    "  hadal data --out data/made/heldout --half heldout tools=200";

constexpr std::size_t kPiece = 1 << 20;  // written at once
// The longest paragraph that serves as filler.
constexpr std::size_t kLongestFiller = 400;

struct Wanted {
  datagen::Kind kind;
  std::uint64_t number;  // of documents, or a share of all bytes
};

Result<Wanted> ParseWanted(const std::string& text) {
  const std::size_t equals = text.find('=');
  HADAL_TRY(const datagen::Kind kind, datagen::ParseKind(text.substr(0, equals)));
  const Result<std::uint64_t> number = ParseSize(
      equals == text.npos ? std::string_view() : std::string_view(text).substr(equals + 1));
  if (!number.ok() || *number == 0)
    return Fail(Code::kInvalid, "documents: found {}, expected KIND=COUNT, as story=1000",
                Quote(text));
  return Wanted{kind, *number};
}

Result<std::vector<Wanted>> ParseAllWanted(const std::vector<std::string>& texts) {
  std::vector<Wanted> wanted;
  for (const std::string& text : texts) {
    HADAL_TRY(const Wanted one, ParseWanted(text));
    if (std::ranges::find(wanted, one.kind, &Wanted::kind) != wanted.end())
      return Fail(Code::kInvalid, "{} is given twice", datagen::KindName(one.kind));
    wanted.push_back(one);
  }
  return wanted;
}

Result<std::vector<std::string>> ReadParagraphs(const std::vector<std::string>& paths) {
  std::vector<std::string> paragraphs;
  for (const std::string& path : paths) {
    HADAL_TRY(const std::string read, io::ReadFile(path));
    const std::string text = text::WithoutAnswerMarks(read);  // its own would be taken for ours
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      if (end - begin > 40 && end - begin <= kLongestFiller)
        paragraphs.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  if (!paths.empty() && paragraphs.empty())
    return Fail(Code::kInvalid, "{}: found no line of 40 to {} bytes, expected paragraphs",
                paths[0], kLongestFiller);
  return paragraphs;
}

struct Written {
  std::uint64_t documents = 0, bytes = 0;
};

// A kind's file, document by document. kCancelled: by Ctrl-C.
Result<Written> Write(const std::string& path, const Wanted& wanted, std::uint64_t bytes,
                      const DataOptions& options, const datagen::DocumentOptions& made) {
  HADAL_TRY(io::AtomicFile file, io::AtomicFile::Create(path));
  Written written;
  std::string waiting;
  const auto enough = [&] {
    return options.bytes == 0 ? written.documents >= wanted.number : written.bytes >= bytes;
  };
  const std::atomic<bool>& stop = StopRequested();
  Progress progress(path, options.bytes == 0 ? wanted.number : bytes);
  for (; !enough(); ++written.documents) {
    if (stop.load(std::memory_order_relaxed)) return Fail(Code::kCancelled, "stopped");
    const std::size_t before = waiting.size();
    waiting += written.documents == 0 ? "" : options.separator;
    waiting += datagen::MakeDocument(wanted.kind, written.documents, made);
    written.bytes += waiting.size() - before;
    if (waiting.size() < kPiece) continue;
    HADAL_TRY_STATUS(file.Write(waiting));
    waiting.clear();
    progress.Set(options.bytes == 0 ? written.documents : written.bytes,
                 FormatBytes(written.bytes));
  }
  HADAL_TRY_STATUS(file.Write(waiting));
  HADAL_TRY_STATUS(file.Commit());
  return written;
}

}  // namespace

Status MakeData(const DataOptions& options, std::ostream& out) {
  datagen::DocumentOptions made = {.half = datagen::HalfNamed(options.half),
                                   .seed = options.seed,
                                   .recall_bytes = options.recall_bytes,
                                   .recall_needles = options.needles,
                                   .recall_nearest_bytes = options.nearest_bytes,
                                   .tool_turns = options.tool_turns,
                                   .mark_answers = options.learn == "answers"};
  HADAL_TRY(const std::vector<Wanted> wanted, ParseAllWanted(options.documents));
  HADAL_TRY(made.prose, ReadParagraphs(options.prose));
  std::vector<std::string> paths;
  paths.reserve(wanted.size());
  for (const Wanted& one : wanted)
    paths.push_back((std::filesystem::path(options.out) / datagen::KindName(one.kind)).string() +
                    ".txt");
  HADAL_TRY_STATUS(CheckFree(paths, options.force));
  HADAL_TRY(const io::OutFolder folder, io::OutFolder::Make(options.out));
  double shares = 0;
  for (const Wanted& one : wanted) shares += static_cast<double>(one.number);
  const double bytes_a_share = static_cast<double>(options.bytes) / shares;
  Table table({"file", ">documents", ">bytes"});
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto bytes = static_cast<std::uint64_t>(
        std::ceil(bytes_a_share * static_cast<double>(wanted[i].number)));
    HADAL_TRY(const Written written, Write(paths[i], wanted[i], bytes, options, made));
    table.Row({paths[i], FormatCount(written.documents), FormatCount(written.bytes)});
  }
  out << table.Text();
  return Unit{};
}

void AddData(Command app, Work* work) {
  const Command data = app.AddCommand("data", kDataAbout);
  auto options = std::make_shared<DataOptions>();
  data.AddOption("--out", options->out, "a directory").Required();
  data.AddOption("--half", options->half, "which names and templates")
      .Check(OneOf({"training", "heldout"}))
      .ShowDefault();
  data.AddOption("--bytes", options->bytes, "of all documents; KIND=COUNT are shares of it then")
      .Check(Size(1));
  data.AddOption("--learn", options->learn, "what the trainer learns of conversations and recall")
      .Check(OneOf({"answers", "all"}))
      .ShowDefault();
  data.AddOption("--seed", options->seed, "another seed, other documents").ShowDefault();
  data.AddOption("--recall-bytes", options->recall_bytes, "length of a recall document, about")
      .Check(WholeNumber(100, std::uint64_t{1} << 32))
      .ShowDefault();
  data.AddOption("--needles", options->needles, "keys in a recall document")
      .Check(WholeNumber(1, 500))
      .ShowDefault();
  data.AddOption("--nearest", options->nearest_bytes,
                 "bytes of other text between a key and its question, at least")
      .Check(WholeNumber(0, 1 << 20))
      .ShowDefault();
  data.AddOption("--tool-turns", options->tool_turns, "requests in a talk with tools, at most")
      .Check(WholeNumber(1, 100))
      .ShowDefault();
  data.AddOption("--prose", options->prose, "text whose paragraphs lie between keys; several times")
      .OneValueEach();
  AddForce(data, &options->force);
  data.AddOption("KIND=COUNT", options->documents,
                 "story, dialogue, questions, tools, lists, pairs, sentences, needles, drills")
      .Required();
  data.OnChosen([options, work] { *work = [options] { return MakeData(*options, std::cout); }; },
                [options] { return StatusOf(ParseAllWanted(options->documents)); });
}

}  // namespace hadal::cli
