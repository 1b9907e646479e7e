#include "datagen/documents.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/quote.h"
#include "datagen/conversation.h"
#include "datagen/dialogue.h"
#include "datagen/facts.h"
#include "datagen/story.h"
#include "datagen/tools.h"
#include "datagen/words.h"
#include "text/answer_marks.h"

namespace hadal::datagen {
namespace {

constexpr const char* kNames[] = {"story", "dialogue",  "questions", "tools", "lists",
                                  "pairs", "sentences", "needles",   "drills"};

constexpr const char* kReadings[] = {
    "{text}\n\n{question}",
    "Read this: {text}\n\n{question}",
    "Here is a text:\n{text}\n\nMy question: {question}",
    "{question}\n\n{text}",
    "[Answer|Answer me this] from the text. {question}\n\nThe text: {text}",
    "{text}\n{question}",
    "\"{text}\"\n\n{question}",
    "Text: {text}\nQuestion: {question}",
    "Somebody wrote this.\n\n{text}\n\nTell me: {question}",
    "Listen: {text}\n\nNow you know it. {question}",
};

struct Thought {
  const char* known;
  const char* unknown;
};
constexpr Thought kThoughts[] = {
    {"I look for it in the text. It is there.", "I look for it in the text. It is not there."},
    {"Does the text say it? Yes.", "Does the text say it? No."},
    {"The text must have it. I found it.", "The text must have it. I did not find it."},
    {"Let me read it again. Here it is.", "Let me read it again. It is nowhere."},
    {"Searching from the top. Found.", "Searching from the top. Nothing found."},
};

std::string StoryDocument(Half half, Random* random) {
  const Story story = MakeStory(half, random);
  if (random->Below(2) == 0) return story.text;
  Conversation talk;
  talk.User(StoryRequest(half, story, random));
  talk.Assistant(ToldOnRequest(half, story, random));
  if (random->Below(2) == 0) {
    talk.User(story.questions.front().question);
    talk.Assistant(story.questions.front().answer);
  }
  return talk.Text();
}

std::string AnyBeat(const std::string& story, Random* random) {
  return std::string(AnyPart(story, '\n', random));
}

std::string QuestionsDocument(Half half, Random* random) {
  std::string text;
  std::vector<Question> questions;
  if (random->Below(2) == 0) {
    Story story = MakeStory(half, random);
    text = std::move(story.text);
    questions = std::move(story.questions);
  } else {
    FactSheet sheet = MakeFacts(half, 1 + random->Below(4), random);
    text = std::move(sheet.text);
    questions = std::move(sheet.questions);
  }
  // In one of four conversations the answers are thought about first.
  const bool thinks = random->Below(4) == 0;
  Conversation talk;
  for (std::size_t i = 0; i < std::min<std::size_t>(questions.size(), 4); ++i) {
    const Question& q = questions[i];
    talk.User(i > 0 ? q.question
                    : Expand(AnyOf(ItemsOf(half, kReadings), random),
                             {{"text", {text}}, {"question", {q.question}}}, random));
    const Thought thought = AnyOf(ItemsOf(half, kThoughts), random);
    talk.Assistant(q.answer, !thinks ? "" : q.known ? thought.known : thought.unknown);
  }
  return talk.Text();
}

std::string DocumentText(Kind kind, std::uint64_t index, const DocumentOptions& options) {
  const auto which =
      static_cast<std::uint64_t>(kind) * 2 + static_cast<std::uint64_t>(options.half);
  Random random(options.seed, MixBits(index * 64 + which));
  const Filler filler = [&options](Random* r) {
    if (!options.prose.empty() && r->Below(2) == 0) return AnyOf(options.prose, r);
    return AnyBeat(MakeStory(options.half, r).text, r);
  };
  RecallOptions recall{.bytes = options.recall_bytes,
                       .needles = options.recall_needles,
                       .nearest_bytes = options.recall_nearest_bytes};
  switch (kind) {
    case Kind::kStory:
      return StoryDocument(options.half, &random);
    case Kind::kDialogue:
      return MakeDialogue(options.half, &random).Text();
    case Kind::kQuestions:
      return QuestionsDocument(options.half, &random);
    case Kind::kTools:
    case Kind::kDrills: {
      const auto make = kind == Kind::kDrills ? MakeToolDrill : MakeToolTask;
      const std::size_t turns = 1 + random.Below(options.tool_turns);
      return ToolConversation(make(options.half, turns, &random)).Text();
    }
    case Kind::kLists:
      return ListTaskDocument(options.half, &random);
    case Kind::kPairs:
      recall.level = RecallLevel::kPairs;
      break;
    case Kind::kSentences:
      recall.level = RecallLevel::kSentences;
      break;
    case Kind::kNeedles:
      recall.level = RecallLevel::kQuestions;
      break;
  }
  return RecallDocument(options.half, recall, filler, &random);
}

}  // namespace

const char* KindName(Kind kind) { return kNames[static_cast<std::size_t>(kind)]; }

Result<Kind> ParseKind(std::string_view name) {
  for (const Kind kind : kAllKinds)
    if (name == KindName(kind)) return kind;
  return Fail(Code::kInvalid, "kind of document: found {}, expected one of {}", Quote(name),
              fmt::join(kNames, ", "));
}

std::string MakeDocument(Kind kind, std::uint64_t index, const DocumentOptions& options) {
  const std::string text = DocumentText(kind, index, options);
  if (!options.mark_answers) return text::WithoutAnswerMarks(text);
  // Tasks without a conversation mark their answers themselves.
  const bool marked = kind == Kind::kPairs || kind == Kind::kSentences;
  return marked ? text : MarkAnswers(text);
}

}  // namespace hadal::datagen
