#include "eval/abilities.h"

#include <algorithm>
#include <array>
#include <variant>

#include "chat/encode.h"
#include "chat/parse.h"
#include "chat/prompt_tokens.h"
#include "datagen/conversation.h"
#include "datagen/facts.h"
#include "datagen/recall.h"
#include "datagen/tools.h"
#include "engine/generator.h"

namespace hadal::eval {
namespace {

using datagen::Half;

enum Subject { kCall, kValid, kNone, kKnown, kUnknown, kLists, kSubjects };
constexpr std::array<const char*, kSubjects> kNames = {
    "tools: call", "tools: valid", "tools: none", "text: known", "text: unknown", "lists"};

class AbilityExaminer {
 public:
  AbilityExaminer(const engine::ModelFiles& files, Threads& threads, const AbilityOptions& options)
      : files_(files),
        dialect_(chat::DialectOf(arch::ModelType(files.model.config.architecture))),
        threads_(threads),
        options_(options) {
    for (std::size_t i = 0; i < kSubjects; ++i) abilities_[i].name = kNames[i];
  }

  Status Tools(Random* random) {
    const datagen::ToolTask task = datagen::MakeToolTask(Half::kHeldOut, random);
    HADAL_TRY(const std::string text, Answer(datagen::ToolQuestion(task).messages()));
    const auto reply = chat::ParseCompletion(dialect_, text + std::string(dialect_.eos), false);
    const auto* message = std::get_if<chat::Message>(&reply);
    const bool one = message != nullptr && message->tool_calls.size() == 1;
    if (task.calls.empty()) {
      Count(kNone, message != nullptr && message->tool_calls.empty());
      return Unit{};
    }
    bool valid = false, right = false;
    if (one) {
      const chat::ToolCall& call = message->tool_calls[0];
      const Result<Json> arguments = ParseJson(call.arguments);
      const auto tool = std::ranges::find_if(task.tools, [&](const Json& offered) {
        return *offered.Find("name")->AsString() == call.name;
      });
      valid = arguments.ok() && tool != task.tools.end() && datagen::ObeysSchema(*arguments, *tool);
      right = valid && call.name == task.calls[0].name && Same(*arguments, task.calls[0].arguments);
    }
    Count(kValid, valid);
    Count(kCall, right);
    return Unit{};
  }

  Status Text(Random* random) {
    const datagen::FactSheet sheet = datagen::MakeFacts(Half::kHeldOut, 2, random);
    for (const bool known : {true, false}) {
      const auto q = std::ranges::find(sheet.questions, known, &datagen::Question::known);
      HADAL_TRY(
          const std::string answer,
          Answer({{.role = chat::Role::kUser, .content = sheet.text + "\n\n" + q->question}}));
      Count(known ? kKnown : kUnknown,
            known ? answer.find(q->value) != std::string::npos : AdmitsIgnorance(answer));
    }
    return Unit{};
  }

  Status List(Random* random) {
    const datagen::ListTask task = datagen::MakeListTask(Half::kHeldOut, random);
    HADAL_TRY(const std::string answer,
              Answer({{.role = chat::Role::kUser, .content = task.request}}));
    Count(kLists, answer == task.answer);
    return Unit{};
  }

  std::vector<Ability> abilities() const { return {abilities_.begin(), abilities_.end()}; }

 private:
  static bool Same(const Json& arguments, const std::string& wanted) {
    const Json other = ParseJson(wanted).value();
    return std::ranges::all_of(*other.AsObject(), [&](const auto& member) {
      return arguments.Find(member.first)->Dump() == member.second.Dump();
    });
  }

  void Count(Subject subject, bool right) {
    ++abilities_[subject].trials;
    abilities_[subject].right += right ? 1 : 0;
  }

  Result<std::string> Answer(const std::vector<chat::Message>& messages) {
    const chat::Prompt prompt = chat::Encode(dialect_, messages, {.thinking = false, .bos = false});
    HADAL_TRY_STATUS(chat::PromptTokens(files_.tokenizer, prompt));  // it has all control tokens
    engine::GenerateOptions options;
    options.sample.temperature = 0;
    options.stop.max_tokens = options_.answer_tokens;
    options.control = text::ControlTokens::kRead;
    options.cancel = options_.cancel;
    std::string text;
    HADAL_TRY(const engine::GenerateResult result,
              engine::Generate(files_, threads_, prompt.Whole(), options,
                               {.on_text = [&](std::string_view more) { text += more; }}));
    if (result.reason == engine::FinishReason::kCancelled) return Fail(Code::kCancelled, "stopped");
    return text;
  }

  const engine::ModelFiles& files_;
  const chat::Dialect& dialect_;
  Threads& threads_;
  const AbilityOptions& options_;
  std::array<Ability, kSubjects> abilities_;
};

}  // namespace

bool AdmitsIgnorance(const std::string& answer) {
  constexpr const char* kSigns[] = {" not ", "n't ", "nothing", "nobody", "no idea", "unknown"};
  return std::ranges::any_of(
      kSigns, [&](const char* sign) { return answer.find(sign) != std::string::npos; });
}

Result<std::vector<Ability>> MeasureAbilities(
    const engine::ModelFiles& files, Threads& threads, const AbilityOptions& options,
    const std::function<void(std::size_t done, std::size_t total)>& on_progress) {
  AbilityExaminer examiner(files, threads, options);
  Random random(options.seed);
  for (std::size_t i = 0; i < options.trials; ++i) {
    if (on_progress) on_progress(i, options.trials);
    HADAL_TRY_STATUS(examiner.Tools(&random));
    HADAL_TRY_STATUS(examiner.Text(&random));
    HADAL_TRY_STATUS(examiner.List(&random));
  }
  return examiner.abilities();
}

}  // namespace hadal::eval
