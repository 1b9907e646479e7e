#include "eval/abilities.h"

#include <algorithm>
#include <array>

#include "chat/encode.h"
#include "chat/prompt_tokens.h"
#include "datagen/conversation.h"
#include "datagen/dialogue.h"
#include "datagen/facts.h"
#include "datagen/grammar.h"
#include "datagen/recall.h"
#include "datagen/story.h"
#include "datagen/tools.h"
#include "engine/generator.h"
#include "eval/call_judge.h"
#include "eval/story_judge.h"

namespace hadal::eval {
namespace {

enum Subject {
  kCall,
  kValid,
  kNone,
  kLater,
  kKnown,
  kUnknown,
  kMemory,
  kUnknowable,
  kLists,
  kTopic,
  kNames,
  kFlows,
  kStory,
  kSubjects
};
constexpr std::array<const char*, kSubjects> kSubjectNames = {
    "tools: call",   "tools: valid", "tools: none",   "tools: later", "text: known",
    "text: unknown", "talk: memory", "talk: unknown", "lists",        "story: topic",
    "story: names",  "story: flows", "story: all"};

// The turn of a conversation whose answer is "later": its calls and replies before are given.
constexpr std::size_t kLaterTurn = 2;

class AbilityExaminer {
 public:
  AbilityExaminer(const engine::ModelFiles& files, Threads& threads, const AbilityOptions& options)
      : files_(files),
        dialect_(chat::DialectOf(arch::ModelType(files.model.config.architecture))),
        threads_(threads),
        options_(options) {
    for (std::size_t i = 0; i < kSubjects; ++i) abilities_[i].name = kSubjectNames[i];
  }

  Status Tools(Random* random) {
    const datagen::ToolTask task =
        DrawTask(random, [](const std::vector<datagen::ToolTurn>& turns) {
          return !turns[0].calls.empty() && !turns[kLaterTurn].calls.empty();
        });
    HADAL_TRY_STATUS(ToolTurn(task, 0));
    HADAL_TRY_STATUS(ToolTurn(task, kLaterTurn));
    const datagen::ToolTask other = DrawTask(
        random, [](const std::vector<datagen::ToolTurn>& turns) { return turns[0].calls.empty(); });
    return ToolTurn(other, 0);
  }

  Status Text(Random* random) {
    const datagen::FactSheet sheet = datagen::MakeFacts(options_.half, 2, random);
    for (const bool known : {true, false}) {
      const auto q = std::ranges::find(sheet.questions, known, &datagen::Question::known);
      HADAL_TRY(const Reply reply, Answer(sheet.text + "\n\n" + q->question));
      Count(known ? kKnown : kUnknown, reply,
            known ? datagen::HasWord(reply.text, q->value) : AdmitsIgnorance(reply.text));
    }
    return Unit{};
  }

  Status Talk(Random* random) {
    const datagen::TurnQuestion told = datagen::MakeMemoryQuestion(options_.half, random);
    HADAL_TRY(const Reply recalled, Answer(told.talk.messages()));
    Count(kMemory, recalled, datagen::HasWord(recalled.text, told.value));
    const datagen::TurnQuestion untold = datagen::MakeUnknowableQuestion(options_.half, random);
    HADAL_TRY(const Reply admitted, Answer(untold.talk.messages()));
    Count(kUnknowable, admitted, AdmitsIgnorance(admitted.text));
    return Unit{};
  }

  Status List(Random* random) {
    const datagen::ListTask task = datagen::MakeListTask(options_.half, random);
    HADAL_TRY(const Reply reply, Answer(task.request));
    Count(kLists, reply, reply.text == task.answer);
    return Unit{};
  }

  Status Story(Random* random) {
    const datagen::Story story = datagen::MakeStory(options_.half, random);
    const std::string request = datagen::StoryRequest(options_.half, story, random);
    HADAL_TRY(const Reply reply, Answer(request, 3 * options_.answer_tokens));
    const StoryMarks marks = JudgeStory(reply.text, story.topic, reply.ended);
    Count(kTopic, reply, marks.topic);
    Count(kNames, reply, marks.names);
    Count(kFlows, reply, marks.flows);
    Count(kStory, reply, marks.all());
    return Unit{};
  }

  MeasuredAbilities Measured() const { return {{abilities_.begin(), abilities_.end()}, misses_}; }

 private:
  struct Reply {
    std::string prompt, asked, text;
    bool ended = false;  // by the model
  };

  datagen::ToolTask DrawTask(
      Random* random,
      const std::function<bool(const std::vector<datagen::ToolTurn>&)>& fits) const {
    for (;;) {
      datagen::ToolTask task = datagen::MakeToolTask(options_.half, kLaterTurn + 1, random);
      if (fits(task.turns)) return task;
    }
  }

  Status ToolTurn(const datagen::ToolTask& task, std::size_t turn) {
    const std::vector<chat::ToolCall>& wanted = task.turns[turn].calls;
    HADAL_TRY(const Reply answer, Answer(datagen::ToolQuestion(task, turn).messages()));
    const CallMarks marks =
        JudgeCall(dialect_, answer.text, task.tools, wanted.empty() ? nullptr : &wanted.front());
    if (wanted.empty()) {
      Count(kNone, answer, marks.none);
      return Unit{};
    }
    if (turn > 0) {
      Count(kLater, answer, marks.right);
      return Unit{};
    }
    Count(kValid, answer, marks.valid);
    Count(kCall, answer, marks.right);
    return Unit{};
  }

  void Count(Subject subject, const Reply& reply, bool right) {
    Ability& ability = abilities_[subject];
    ++ability.trials;
    ability.right += right ? 1 : 0;
    if (right) return;
    // Marks of one reply are counted one behind the other.
    if (misses_.empty() || misses_.back().prompt != reply.prompt)
      misses_.push_back({{}, reply.prompt, reply.asked, reply.text});
    misses_.back().abilities.push_back(ability.name);
  }

  Result<Reply> Answer(std::string question, std::size_t tokens = 0) {
    return Answer({{.role = chat::Role::kUser, .content = std::move(question)}}, tokens);
  }

  // tokens: 0 as the options say.
  Result<Reply> Answer(const std::vector<chat::Message>& messages, std::size_t tokens = 0) {
    const chat::Prompt prompt = chat::Encode(dialect_, messages, {.thinking = false, .bos = false});
    HADAL_TRY_STATUS(chat::PromptTokens(files_.tokenizer, prompt));  // it has all control tokens
    engine::GenerateOptions options;
    options.sample.temperature = 0;
    options.stop.max_tokens = tokens == 0 ? options_.answer_tokens : tokens;
    options.control = text::ControlTokens::kRead;
    options.cancel = options_.cancel;
    Reply reply{.prompt = prompt.Whole(), .asked = messages.back().content, .text = {}};
    HADAL_TRY(const engine::GenerateResult result,
              engine::Generate(files_, threads_, reply.prompt, options,
                               {.on_text = [&](std::string_view more) { reply.text += more; }}));
    if (result.reason == engine::FinishReason::kCancelled) return Fail(Code::kCancelled, "stopped");
    reply.ended = result.reason == engine::FinishReason::kEos;
    return reply;
  }

  const engine::ModelFiles& files_;
  const chat::Dialect& dialect_;
  Threads& threads_;
  const AbilityOptions& options_;
  std::array<Ability, kSubjects> abilities_;
  std::vector<Miss> misses_;
};

}  // namespace

bool AdmitsIgnorance(const std::string& answer) {
  constexpr const char* kSigns[] = {
      "not know",   "n't know",    "not say",      "n't say",         "not tell",
      "n't tell",   "not told",    "n't told",     "not known",       "not mentioned",
      "not in the", "not written", "says nothing", "nobody mentions", "nobody has told",
      "no idea",    "unknown"};
  return std::ranges::any_of(
      kSigns, [&](const char* sign) { return answer.find(sign) != std::string::npos; });
}

Result<MeasuredAbilities> MeasureAbilities(
    const engine::ModelFiles& files, Threads& threads, const AbilityOptions& options,
    const std::function<void(std::size_t done, std::size_t total)>& on_progress) {
  AbilityExaminer examiner(files, threads, options);
  Random random(options.seed);
  for (std::size_t i = 0; i < options.trials; ++i) {
    if (on_progress) on_progress(i, options.trials);
    HADAL_TRY_STATUS(examiner.Tools(&random));
    HADAL_TRY_STATUS(examiner.Text(&random));
    HADAL_TRY_STATUS(examiner.Talk(&random));
    HADAL_TRY_STATUS(examiner.List(&random));
    HADAL_TRY_STATUS(examiner.Story(&random));
  }
  return examiner.Measured();
}

}  // namespace hadal::eval
