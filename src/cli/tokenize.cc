#include "cli/tokenize.h"

#include <unistd.h>

#include <charconv>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>

#include "base/json.h"
#include "base/progress.h"
#include "base/quote.h"
#include "cli/commands.h"
#include "cli/note.h"
#include "engine/model_files.h"
#include "io/file.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace hadal::cli {
namespace {

using text::TokenId;
using text::Tokenizer;

constexpr const char* kTokenizeAbout =
    "Turn text into token ids, or ids into text.\n"
    "\n"
    "The input comes from -p, from -f, or from stdin. No BOS is added; added tokens such as "
    "<think>\n"
    "are recognised in the text.\n"
    "\n"
    "Examples:\n"
    "  hadal tokenize -m ~/DeepSeek-V4-Flash -p \"Hello, world\"\n"
    "  hadal tokenize -m tokenizer.json --verbose -f story.txt     one token a line, with its "
    "bytes\n"
    "  hadal tokenize --decode -p \"19923 14 2058\"\n"
    "  hadal tokenize --jsonl < texts.jsonl                        {\"text\": ...} to {\"ids\": "
    "...}\n"
    "  hadal tokenize --jsonl --decode < ids.jsonl                 and back";

Status CheckId(const Tokenizer& tokenizer, std::int64_t id) {
  if (id >= 0 && id < static_cast<std::int64_t>(tokenizer.vocab_size()) &&
      !tokenizer.TokenBytes(static_cast<TokenId>(id)).empty())
    return Unit{};
  return Fail(Code::kInvalid, "found the id {}; the vocabulary has ids 0..{}{}", id,
              tokenizer.vocab_size() - 1,
              id >= 0 && id < static_cast<std::int64_t>(tokenizer.vocab_size())
                  ? ", but no token of this one"
                  : "");
}

// Ids between spaces, commas or brackets, so that what the command prints can be read back.
Result<std::vector<TokenId>> ParseIds(const Tokenizer& tokenizer, std::string_view input) {
  constexpr std::string_view kBetween = " \t\r\n,[]";
  std::vector<TokenId> ids;
  for (std::size_t at = input.find_first_not_of(kBetween); at != std::string_view::npos;
       at = input.find_first_not_of(kBetween, at)) {
    const std::size_t end = std::min(input.find_first_of(kBetween, at), input.size());
    const std::string_view word = input.substr(at, end - at);
    std::int64_t id = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc{} || stop != word.data() + word.size()) {
      std::string shown;
      text::AppendLossy(word, &shown);
      return Fail(Code::kInvalid, "id {}: found {}, expected a number", ids.size() + 1,
                  Quote(shown));
    }
    if (const Status known = CheckId(tokenizer, id); !known.ok())
      return Within(fmt::format("id {}", ids.size() + 1), known.error());
    ids.push_back(static_cast<TokenId>(id));
    at = end;
  }
  return ids;
}

// A token's bytes on one line: what is not printable ASCII or a whole character becomes \xNN.
std::string Visible(std::string_view bytes) {
  std::string out = "\"";
  while (!bytes.empty()) {
    const text::Utf8Step step = text::StepUtf8(bytes);
    const auto first = static_cast<unsigned char>(bytes[0]);
    if (first == '\n') {
      out += "\\n";
    } else if (first == '"' || first == '\\') {
      out += {'\\', bytes[0]};
    } else if (!step.valid || first < 0x20 || first == 0x7F) {
      for (const char byte : bytes.substr(0, step.bytes))
        out += fmt::format("\\x{:02X}", static_cast<unsigned char>(byte));
    } else {
      out += bytes.substr(0, step.bytes);
    }
    bytes.remove_prefix(step.bytes);
  }
  return out + '"';
}

std::string IdsJson(const std::vector<TokenId>& ids) {
  return fmt::format("{{\"ids\": [{}]}}", fmt::join(ids, ", "));
}

// Other readers take these characters for the end of a line, as Unicode does; JSON may hold them
// raw.
std::string EscapeLineEnds(std::string json) {
  constexpr std::pair<std::string_view, std::string_view> kEnds[] = {
      {"\u0085", "\\u0085"}, {"\u2028", "\\u2028"}, {"\u2029", "\\u2029"}};
  for (const auto& [raw, escaped] : kEnds)
    for (std::size_t at = json.find(raw); at != std::string::npos; at = json.find(raw, at))
      json.replace(at, raw.size(), escaped);
  return json;
}

std::string TextJson(const std::string& text) {
  return EscapeLineEnds(Json::MakeObject({{"text", text}}).Dump());
}

std::string EncodedOutput(const Tokenizer& tokenizer, const std::vector<TokenId>& ids,
                          const TokenizeOptions& options) {
  std::string out;
  if (options.json && options.verbose) {
    Json::Array tokens;
    for (const TokenId id : ids)
      tokens.push_back(
          Json::MakeObject({{"id", id}, {"piece", Visible(tokenizer.TokenBytes(id))}}));
    return Json::MakeObject({{"tokens", std::move(tokens)}}).Dump() + "\n";
  }
  if (options.json) return IdsJson(ids) + "\n";
  if (!options.verbose) return fmt::format("{}\n", fmt::join(ids, " "));
  for (const TokenId id : ids)
    out += fmt::format("{:>7} {}\n", id, Visible(tokenizer.TokenBytes(id)));
  return out;
}

Result<std::string> ConvertLine(const Tokenizer& tokenizer, const std::string& line, bool decode) {
  HADAL_TRY(const Json json, ParseJson(line));
  const Json* field = json.Find(decode ? "ids" : "text");
  const char* found = field == nullptr ? "nothing" : field->KindName();
  if (!decode) {
    if (field == nullptr || field->AsString() == nullptr)
      return Fail(Code::kInvalid, "text: found {}, expected a string", found);
    return IdsJson(tokenizer.Encode(*field->AsString(), text::ControlTokens::kRead));
  }
  if (field == nullptr || field->AsArray() == nullptr)
    return Fail(Code::kInvalid, "ids: found {}, expected an array", found);
  std::vector<TokenId> ids;
  for (const Json& item : *field->AsArray()) {
    if (item.AsInt() == nullptr)
      return Fail(Code::kInvalid, "ids[{}]: found {}, expected an integer", ids.size(),
                  item.KindName());
    if (const Status known = CheckId(tokenizer, *item.AsInt()); !known.ok())
      return Within(fmt::format("ids[{}]", ids.size()), known.error());
    ids.push_back(static_cast<TokenId>(*item.AsInt()));
  }
  return TextJson(tokenizer.Decode(ids));
}

Status ConvertLines(const Tokenizer& tokenizer, bool decode, std::istream& in, std::ostream& out) {
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto converted = ConvertLine(tokenizer, line, decode);
    if (!converted.ok()) return Within(fmt::format("line {}", number), converted.error());
    out << *converted << '\n';
  }
  return Unit{};
}

Status Convert(const Tokenizer& tokenizer, const TokenizeOptions& options, std::istream& in,
               std::ostream& out) {
  if (options.jsonl) return ConvertLines(tokenizer, options.decode, in, out);
  const std::string input(std::istreambuf_iterator<char>(in), {});
  if (!options.decode) {
    NoteOtherBytes(options.file.empty() ? "the text" : options.file, input);
    out << EncodedOutput(tokenizer, tokenizer.Encode(input, text::ControlTokens::kRead), options);
    return Unit{};
  }
  HADAL_TRY(const std::vector<TokenId> ids, ParseIds(tokenizer, input));
  const std::string decoded = tokenizer.Decode(ids);
  out << (options.json ? TextJson(decoded) : decoded) << '\n';
  return Unit{};
}

}  // namespace

Status Tokenize(const TokenizeOptions& options, std::istream& in, std::ostream& out) {
  std::string model = options.model;
  if (model.empty()) {
    HADAL_TRY(model, engine::EmbeddedModel());
  }
  HADAL_TRY(const Tokenizer tokenizer, Tokenizer::Open(model));
  std::istringstream given;
  if (options.text_given) given.str(options.text);
  if (!options.file.empty()) {
    HADAL_TRY(std::string contents, io::ReadFile(options.file));
    given.str(std::move(contents));
  }
  const bool from_stream = !options.text_given && options.file.empty();
  if (const Status done = Convert(tokenizer, options, from_stream ? in : given, out); !done.ok())
    return options.file.empty() ? done.error() : Within(options.file, done.error());
  return Unit{};
}

void AddTokenize(Command app, Work* work) {
  auto options = std::make_shared<TokenizeOptions>();
  const Command tokenize = app.AddCommand("tokenize", kTokenizeAbout);
  tokenize.AddOption("-m,--model", options->model,
                     "checkpoint directory or tokenizer.json (default: the embedded model)");
  const Option text = tokenize.AddText("-p,--prompt", options->text, "the text, or the ids");
  tokenize.AddOption("-f,--file", options->file, "a file with them").Excludes(text);
  const Option decode = tokenize.AddFlag("--decode", options->decode, "ids to text");
  const Option jsonl = tokenize.AddFlag(
      "--jsonl", options->jsonl, "a JSON object a line: {\"text\": ...} and {\"ids\": [...]}");
  const Option json = tokenize.AddFlag("--json", options->json, "print one JSON object");
  tokenize.AddFlag("--verbose", options->verbose, "the bytes of every token beside its id")
      .Excludes(jsonl)
      .Excludes(decode);
  json.Excludes(jsonl);
  tokenize.OnChosen([options, work, text] {
    options->text_given = text.given();
    *work = [options] {
      if (!options->text_given && options->file.empty() && IsTerminal(STDIN_FILENO))
        std::fputs("hadal: reading from the terminal; end it with Ctrl-D\n", stderr);
      return Tokenize(*options, std::cin, std::cout);
    };
  });
}

}  // namespace hadal::cli
