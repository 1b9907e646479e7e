#include "talk/talk.h"

#include <optional>
#include <utility>

#include "base/progress.h"
#include "base/quote.h"
#include "base/table.h"
#include "base/units.h"
#include "io/file.h"
#include "talk/interrupt.h"
#include "text/utf8.h"

namespace hadal::talk {
namespace {

constexpr std::string_view kFence = "\"\"\"";  // begins and ends a message of several lines
constexpr std::uint64_t kMostAttached = 64 << 20;

std::string Trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t") + 1 - begin));
}

}  // namespace

const std::vector<Talk::Command>& Talk::Commands() {
  static const std::vector<Command> commands = {
      {"/think", "", "reason before answers", &Talk::SetThink},
      {"/max", "", "the same, as thoroughly as the model can", &Talk::SetMax},
      {"/nothink", "", "answer at once", &Talk::SetNoThink},
      {"/fold", "", "reasoning as one line, or as it is written; shows the last", &Talk::Fold},
      {"/system", "TEXT", "the system's message; without TEXT: shows it; -: none", &Talk::System},
      {"/read", "FILE", "put a text file in front of the next message", &Talk::ReadIn},
      {"/regen", "", "another answer to the last message", &Talk::Regenerate},
      {"/undo", "", "take back the last message and its answer", &Talk::Undo},
      {"/new", "", "begin anew; the system's message stays", &Talk::New},
      {"/save", "FILE", "write the conversation to a file", &Talk::Save},
      {"/load", "FILE", "go on with such a conversation", &Talk::Load},
      {"/stats", "", "speed and sampling of the last answer", &Talk::Stats},
      {"/ctx", "", "how much of the context is used, and what it takes", &Talk::Context},
      {"/help", "", "this list", &Talk::Help},
      {"/quit", "", "end; so does Ctrl-D", &Talk::Quit}};
  return commands;
}

std::string CommandHelp() {
  Table table({"", "", ""});
  for (const Talk::Command& command : Talk::Commands())
    table.Row({command.name, command.argument, command.help});
  return table.Text() +
         "A line that ends with \\ goes on in the next one; so does a message that begins with "
         "\"\"\",\nuntil a line ends with \"\"\". Ctrl-C stops an answer.\n";
}

Talk::Talk(Answerer& answerer, LineSource& lines, Screen& screen, Conversation conversation)
    : answerer_(answerer), lines_(lines), screen_(screen), conversation_(std::move(conversation)) {
  conversation_.model = answerer_.model();
}

Status Talk::Run() {
  std::string text;
  bool fenced = false;
  while (!quit_ && ReadMessage(&text, &fenced)) {
    if (text.find_first_not_of(" \t\n") == text.npos) continue;
    const Status done = text.starts_with('/') && !fenced ? Obey(text) : Ask(text);
    if (done.ok()) continue;
    if (!screen_.terminal()) return done;
    screen_.Say("! " + done.error().what);
  }
  return Unit{};
}

bool Talk::ReadMessage(std::string* text, bool* fenced) {
  text->clear();
  *fenced = false;
  std::string line;
  for (bool more = false;; more = true) {
    const Got got = lines_.Read(screen_.Prompt(more), &line);
    if (got == Got::kInterrupt) {
      text->clear();
      return true;
    }
    if (got == Got::kEnd) {
      screen_.Note("");
      return more;
    }
    if (!more && line.starts_with(kFence)) {
      *text = line.substr(kFence.size());
      *fenced = true;
      ReadBlock(text);
      break;
    }
    *text += line;
    if (!line.ends_with('\\')) break;
    text->back() = '\n';
  }
  if (!text->empty()) lines_.Remember(*text);
  return true;
}

// The rest of a message between fences; the end of all input ends it too. An interrupt leaves it
// empty.
void Talk::ReadBlock(std::string* text) {
  while (!text->ends_with(kFence)) {
    std::string line;
    const Got got = lines_.Read(screen_.Prompt(true), &line);
    if (got == Got::kInterrupt) return text->clear();
    if (got == Got::kEnd) break;
    *text += (text->empty() ? "" : "\n") + line;
  }
  if (text->ends_with(kFence)) text->resize(text->size() - kFence.size());
  while (text->ends_with('\n')) text->pop_back();
}

Status Talk::Obey(std::string_view line) {
  const std::size_t space = line.find_first_of(" \t\n");
  const std::string_view name = line.substr(0, space);
  const std::string argument = Trimmed(space == line.npos ? "" : line.substr(space));
  for (const Command& command : Commands()) {
    if (name != command.name) continue;
    if (*command.argument == '\0' && !argument.empty())
      return Fail(Code::kInvalid, "{}: found {}, expected nothing behind it", command.name,
                  Quote(argument));
    return (this->*command.run)(argument);
  }
  return Fail(Code::kInvalid,
              "no command {}; /help lists them (a message may begin with a space and a slash)",
              Quote(name));
}

Status Talk::Ask(const std::string& text) {
  conversation_.messages.push_back({.role = chat::Role::kUser, .content = attached_ + text});
  const Status replied = Reply();
  if (replied.ok())
    attached_.clear();
  else
    conversation_.Undo();
  return replied;
}

Status Talk::Reply() {
  Interrupted() = false;
  std::optional<Progress> progress;
  AnswerListener listener;
  listener.on_prompt = [&](std::size_t done, std::size_t total) {
    if (!progress) progress.emplace("reading", total, !screen_.terminal(), done);
    progress->Set(done, fmt::format("{:.0f} tokens/s", progress->PerSecond(done)));
  };
  listener.on_text = [&](bool reasoning, std::string_view piece) {
    progress.reset();
    screen_.Text(reasoning, piece);
  };
  screen_.BeginAnswer();
  auto answer = answerer_.Reply(conversation_, listener, Interrupted());
  progress.reset();
  Interrupted() = false;
  if (!answer.ok()) {
    screen_.FailAnswer();
    return answer.error();
  }
  screen_.EndAnswer(*answer, answerer_.use());
  conversation_.messages.push_back(answer->message);
  last_ = std::move(*answer);
  return Unit{};
}

Status Talk::SetThink(const std::string& /*argument*/) {
  conversation_.effort = Effort::kHigh;
  screen_.Note("answers come with reasoning");
  return Unit{};
}

Status Talk::SetNoThink(const std::string& /*argument*/) {
  conversation_.effort = Effort::kNone;
  screen_.Note("answers come without reasoning");
  return Unit{};
}

Status Talk::SetMax(const std::string& /*argument*/) {
  conversation_.effort = Effort::kMax;
  screen_.Note("answers come with as much reasoning as the model can");
  return Unit{};
}

Status Talk::System(const std::string& argument) {
  if (argument.empty()) {
    const std::string system = conversation_.system();
    screen_.Say(system.empty() ? "no system message" : system);
    return Unit{};
  }
  conversation_.set_system(argument == "-" ? "" : argument);
  screen_.Note(argument == "-" ? "no system message" : "the system's message is set");
  return Unit{};
}

Status Talk::ReadIn(const std::string& argument) {
  if (argument.empty()) return Fail(Code::kInvalid, "/read: found nothing, expected a file");
  HADAL_TRY(const std::string text, io::ReadFile(argument, kMostAttached));
  if (const std::size_t valid = text::ValidUtf8Prefix(text); valid < text.size())
    return Fail(Code::kInvalid, "{}: byte {} is not UTF-8; only text can be read", argument, valid);
  attached_ += fmt::format("{}:\n```\n{}{}```\n\n", argument, text,
                           text.ends_with('\n') || text.empty() ? "" : "\n");
  screen_.Note(
      fmt::format("{} ({}) goes in front of the next message", argument, FormatBytes(text.size())));
  return Unit{};
}

Status Talk::Save(const std::string& argument) {
  if (argument.empty()) return Fail(Code::kInvalid, "/save: found nothing, expected a file");
  HADAL_TRY_STATUS(SaveConversation(conversation_, argument));
  screen_.Note(fmt::format("{} messages are in {}", conversation_.messages.size(), argument));
  return Unit{};
}

Status Talk::Load(const std::string& argument) {
  if (argument.empty()) return Fail(Code::kInvalid, "/load: found nothing, expected a file");
  HADAL_TRY(Conversation loaded, LoadConversation(argument));
  screen_.Note(fmt::format("{} messages", loaded.messages.size()) +
               (loaded.model.empty() || loaded.model == answerer_.model()
                    ? ""
                    : fmt::format("; {} answered, now {} does", loaded.model, answerer_.model())));
  loaded.model = answerer_.model();
  conversation_ = std::move(loaded);
  attached_.clear();
  return Unit{};
}

Status Talk::Regenerate(const std::string& /*argument*/) {
  std::vector<chat::Message>& messages = conversation_.messages;
  const bool answered = !messages.empty() && messages.back().role == chat::Role::kAssistant;
  if (messages.size() < (answered ? 2 : 1) ||
      messages[messages.size() - (answered ? 2 : 1)].role != chat::Role::kUser)
    return Fail(Code::kInvalid, "/regen: there is no message to answer");
  std::optional<chat::Message> before;
  if (answered) {
    before = std::move(messages.back());
    messages.pop_back();
  }
  ++conversation_.sample.choice;  // another draw of the same seed
  const Status replied = Reply();
  if (!replied.ok() && before) messages.push_back(std::move(*before));
  return replied;
}

Status Talk::Undo(const std::string& /*argument*/) {
  if (!conversation_.Undo()) return Fail(Code::kInvalid, "/undo: there is no message to take back");
  screen_.Note(fmt::format("taken back; {} messages are left", conversation_.messages.size()));
  return Unit{};
}

Status Talk::New(const std::string& /*argument*/) {
  const std::string system = conversation_.system();
  conversation_.messages.clear();
  conversation_.set_system(system);
  attached_.clear();
  screen_.Note("a new conversation");
  return Unit{};
}

Status Talk::Fold(const std::string& /*argument*/) {
  screen_.set_folded(!screen_.folded());
  if (!screen_.folded() && !last_.message.reasoning.empty())
    screen_.ShowReasoning(last_.message.reasoning);
  screen_.Note(screen_.folded() ? "reasoning is one line" : "reasoning is shown as it comes");
  return Unit{};
}

Status Talk::Stats(const std::string& /*argument*/) {
  const Answer& a = last_;
  const engine::SampleOptions& s = conversation_.sample;
  Table table({"", ">", ""});
  table.Row({"prompt", FormatCount(a.prompt_tokens),
             fmt::format("tokens, {} of them read in {}", FormatCount(a.read_tokens),
                         FormatDuration(a.prefill_seconds))});
  table.Row({"answer", FormatCount(a.generated_tokens),
             fmt::format("tokens in {}", FormatDuration(a.decode_seconds))});
  table.Row({"speed", fmt::format("{:.1f}", a.tokens_per_s()), "tokens/s"});
  table.Row({"effort", EffortName(conversation_.effort), ""});
  if (answerer_.knows_draws()) {
    table.Row({"temperature", fmt::format("{}", s.temperature), ""});
    table.Row({"top-p", fmt::format("{}", s.top_p), ""});
  }
  table.Row({"seed", fmt::format("{}", s.seed), fmt::format("choice {}", s.choice)});
  screen_.Say(table.Text());
  return Unit{};
}

Status Talk::Context(const std::string& /*argument*/) {
  screen_.Say(answerer_.UseTable());
  return Unit{};
}

Status Talk::Help(const std::string& /*argument*/) {
  screen_.Say(CommandHelp());
  return Unit{};
}

Status Talk::Quit(const std::string& /*argument*/) {
  quit_ = true;
  return Unit{};
}

}  // namespace hadal::talk
