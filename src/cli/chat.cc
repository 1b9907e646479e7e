#include "cli/chat.h"

#include <iostream>
#include <memory>
#include <string>

#include "base/json.h"
#include "chat/encode.h"
#include "chat/parse.h"
#include "cli/commands.h"

namespace hadal::cli {
namespace {

constexpr const char* kChatAbout =
    "Talk to a model in the terminal.\n"
    "\n"
    "Without -m the embedded model answers, which is small and knows next to nothing. /help lists\n"
    "the commands of the conversation. From a pipe every line is a message, and answers alone are\n"
    "printed. Two commands of its own turn conversations into prompts and back.\n"
    "\n"
    "Examples:\n"
    "  hadal chat\n"
    "  hadal chat -m ~/DeepSeek-V4-Flash --think --system \"Be brief.\" --ctx 128K\n"
    "  echo \"Who are you?\" | hadal chat --seed 1\n"
    "  hadal chat --url http://127.0.0.1:8080\n"
    "  hadal chat encode --jsonl < conversations.jsonl    messages to prompts\n"
    "  hadal chat parse --jsonl < completions.jsonl       completions to messages";

constexpr const char* kEncodeAbout =
    "Turn messages into the prompt that the model was trained on.\n"
    "\n"
    "Reads a JSON object a line from stdin: {\"messages\": [...], \"options\": {\"thinking_mode\": "
    "\"chat\"\n"
    "or \"thinking\", \"drop_thinking\", \"reasoning_effort\": \"max\", "
    "\"add_default_bos_token\"}}.\n"
    "\n"
    "Example:\n"
    "  echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}' | hadal chat encode "
    "--jsonl";

constexpr const char* kParseAbout =
    "Turn a completion into a message: reasoning, content and tool calls.\n"
    "\n"
    "Reads a JSON object a line from stdin: {\"text\": ..., \"thinking_mode\": \"chat\" or "
    "\"thinking\"}.\n"
    "Prints {\"message\": ...}, or {\"error\": ...} with the name that the published parser "
    "gives.\n"
    "\n"
    "Example:\n"
    "  hadal chat parse --jsonl < completions.jsonl";

Result<Json> EncodeLine(const chat::Dialect& dialect, const Json& line) {
  const Json* given = line.Find("messages");
  HADAL_TRY(std::vector<chat::Message> messages,
            chat::ParseMessages(given == nullptr ? Json() : *given));
  const Json* options = line.Find("options");
  HADAL_TRY(const chat::EncodeOptions encode,
            chat::ParseEncodeOptions(options == nullptr ? Json() : *options));
  if (const Json* tools = line.Find("tools"); tools != nullptr && !tools->is_null()) {
    if (messages.empty()) return Fail(Code::kInvalid, "tools: found no message to give them to");
    HADAL_TRY(messages[0].tools, chat::ParseTools(*tools));
  }
  HADAL_TRY_STATUS(chat::CheckMessages(dialect, messages));
  const chat::Prompt prompt = chat::Encode(dialect, messages, encode);
  return Json::MakeObject({{"prompt", prompt.Whole()}});
}

Result<Json> ParseLine(const chat::Dialect& dialect, const Json& line) {
  const Json* text = line.Find("text");
  if (text == nullptr || text->AsString() == nullptr)
    return Fail(Code::kInvalid, "text: found {}, expected a string",
                text == nullptr ? "nothing" : text->KindName());
  HADAL_TRY(const chat::EncodeOptions options, chat::ParseEncodeOptions(line));
  const auto parsed = chat::ParseCompletion(dialect, *text->AsString(), options.thinking);
  if (const auto* error = std::get_if<chat::ParseError>(&parsed))
    return Json::MakeObject({{"error", chat::ParseFaultName(error->fault)}, {"what", error->what}});
  return Json::MakeObject({{"message", chat::MessageJson(std::get<chat::Message>(parsed))}});
}

// Each line through `convert`; blank lines are passed over.
Status ConvertLines(const chat::Dialect& dialect, std::istream& in, std::ostream& out,
                    Result<Json> (*convert)(const chat::Dialect&, const Json&)) {
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string place = fmt::format("line {}", number);
    const Result<Json> json = ParseJson(line);
    if (!json.ok()) return Within(place, json.error());
    const Result<Json> converted = convert(dialect, *json);
    if (!converted.ok()) return Within(place, converted.error());
    out << converted->Dump() << '\n';
  }
  return Unit{};
}

void AddLines(Command group, const char* name, const char* about, Work* work,
              Status (*convert)(const chat::Dialect&, std::istream&, std::ostream&)) {
  const Command command = group.AddCommand(name, about);
  auto dialect = std::make_shared<std::string>(chat::kDeepSeekV4.model_type);
  command.AddFlag("--jsonl", "a JSON object a line, in and out").Required();
  command.AddOption("--dialect", *dialect, "whose format: a model_type of config.json")
      .Check(OneOf(chat::DialectNames()))
      .ShowDefault();
  command.OnChosen([work, convert, dialect] {
    *work = [convert, dialect] { return convert(chat::DialectOf(*dialect), std::cin, std::cout); };
  });
}

}  // namespace

Status ChatEncode(const chat::Dialect& dialect, std::istream& in, std::ostream& out) {
  return ConvertLines(dialect, in, out, EncodeLine);
}
Status ChatParse(const chat::Dialect& dialect, std::istream& in, std::ostream& out) {
  return ConvertLines(dialect, in, out, ParseLine);
}

void AddChat(Command app, Work* work) {
  const Command chat = app.AddCommand("chat", kChatAbout);
  AddTalk(chat, work);
  AddLines(chat, "encode", kEncodeAbout, work, ChatEncode);
  AddLines(chat, "parse", kParseAbout, work, ChatParse);
}

}  // namespace hadal::cli
