// The generator: every template expands, its questions have their answers, its calls obey their
// schemas, and the two halves have nothing in common but the language.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <span>
#include <unordered_set>

#include "base/json.h"
#include "chat/dialect.h"
#include "chat/parse.h"
#include "datagen/conversation.h"
#include "datagen/documents.h"
#include "datagen/facts.h"
#include "datagen/plots.h"
#include "datagen/story.h"
#include "datagen/tools.h"
#include "datagen/words.h"
#include "text/answer_marks.h"

namespace hadal::datagen {
namespace {

constexpr std::uint64_t kMany = 400;

TEST(Grammar, FillsWhatIsAskedFor) {
  const Cast cast = {{"hero", {"Anna", Gender::kShe}}, {"thing", {"apple"}}};
  Random random(1);
  EXPECT_EQ(
      Expand("{Hero} ate {a thing}; {he hero} liked {his hero} {thing}. {A thing}!", cast, &random),
      "Anna ate an apple; she liked her apple. An apple!");
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) seen.insert(Expand("a[b[1|2]|c|]d", cast, &random));
  EXPECT_EQ(seen, (std::set<std::string>{"ab1d", "ab2d", "acd", "ad"}));
}

TEST(Grammar, AWordIsNotAPartOfAnother) {
  for (const char* text : {"a hat", "Hat!", "two hats, no", "(hat)", "that hat's"})
    EXPECT_TRUE(HasWord(text, "hat")) << text;
  for (const char* text : {"that", "hatch", "chat", "hatss", "a hat2", ""})
    EXPECT_FALSE(HasWord(text, "hat")) << text;
  EXPECT_FALSE(HasWord("16 coins", "6"));
  EXPECT_FALSE(HasWord("anything", ""));
}

TEST(Documents, EveryTemplateExpands) {
  for (const Half half : {Half::kTraining, Half::kHeldOut})
    for (const Kind kind : kAllKinds)
      for (std::uint64_t i = 0; i < kMany; ++i) {
        const std::string text = MakeDocument(kind, i, {.half = half});
        ASSERT_FALSE(text.empty());
        if (kind == Kind::kTools || kind == Kind::kDrills) continue;  // hold JSON
        EXPECT_EQ(text.find_first_of("{}[]"), std::string::npos) << text;
      }
}

TEST(Documents, AreAFunctionOfHalfKindSeedAndIndex) {
  const DocumentOptions training, other_seed{.seed = 2}, heldout{.half = Half::kHeldOut};
  for (const Kind kind : kAllKinds) {
    const std::string text = MakeDocument(kind, 7, training);
    EXPECT_EQ(text, MakeDocument(kind, 7, training));
    EXPECT_NE(text, MakeDocument(kind, 8, training));
    EXPECT_NE(text, MakeDocument(kind, 7, other_seed));
    EXPECT_NE(text, MakeDocument(kind, 7, heldout));
  }
}

// Draws must not stand where a compiler chooses which comes first. Whoever changes what is
// generated writes the new digest here, with g++ and clang++ agreeing.
TEST(Documents, AreTheSameWhicheverCompilerBuiltThis) {
  std::uint64_t digest = 14695981039346656037u;  // FNV-1a
  for (const Half half : {Half::kTraining, Half::kHeldOut})
    for (const Kind kind : kAllKinds)
      for (std::uint64_t i = 0; i < kMany; ++i)
        for (const char c : MakeDocument(kind, i, {.half = half}))
          digest = (digest ^ static_cast<unsigned char>(c)) * 1099511628211u;
  EXPECT_EQ(digest, 7270169622172246177u);
}

TEST(Documents, MarkWhatTheAssistantSays) {
  const chat::Dialect& dialect = chat::kDeepSeekV4;
  std::size_t answers = 0;
  for (const Kind kind : kAllKinds)
    for (std::uint64_t i = 0; i < 40; ++i) {
      const std::string plain = MakeDocument(kind, i, {.mark_answers = false});
      const std::string document = MakeDocument(kind, i, {});
      const text::MarkedText marked = text::ReadAnswerMarks(document).value();
      if (kind == Kind::kPairs || kind == Kind::kSentences) continue;  // no conversations
      EXPECT_EQ(marked.text, plain);
      std::size_t turns = 0;
      for (std::size_t at = 0; (at = plain.find(dialect.assistant, at)) != std::string::npos; ++at)
        ++turns;
      EXPECT_EQ(marked.answers.size(), turns) << document;
      for (const auto& [begin, end] : marked.answers) {
        ++answers;
        const std::string before = plain.substr(0, begin),
                          answer = plain.substr(begin, end - begin);
        EXPECT_TRUE(before.ends_with(dialect.think_begin) || before.ends_with(dialect.think_end));
        EXPECT_EQ(answer.find(dialect.user), std::string::npos) << answer;
        EXPECT_TRUE(answer.ends_with(dialect.eos) || end == plain.size()) << answer;
      }
    }
  EXPECT_GT(answers, 400u);
  // With reasoning it belongs to the answer; what is no conversation has no marks.
  EXPECT_EQ(MarkAnswers("<｜User｜>a<｜Assistant｜><think>b</think>c"
                        "<｜end▁of▁sentence｜><｜User｜>d"),
            "<｜User｜>a<｜Assistant｜><think>\x02"
            "b</think>c<｜end▁of▁sentence｜>\x03<｜User｜>d");
  EXPECT_EQ(MarkAnswers("Once upon a time"), "Once upon a time");
}

TEST(Documents, KindsHaveNames) {
  for (const Kind kind : kAllKinds) EXPECT_EQ(ParseKind(KindName(kind)).value(), kind);
  EXPECT_EQ(ParseKind("poem").error().what,
            "kind of document: found 'poem', expected one of story, dialogue, questions, tools, "
            "lists, pairs, sentences, needles, drills");
}

TEST(Plots, EveryBeatHasSeveralWays) {
  EXPECT_GE(AllPlots().size(), 40u);
  std::size_t ways = 0;
  for (const Plot& plot : AllPlots()) {
    EXPECT_GE(plot.beats.size(), 5u) << plot.title;
    EXPECT_GE(plot.questions.size(), 2u) << plot.title;
    for (const auto& beat : plot.beats) {
      EXPECT_GE(beat.size(), 3u) << plot.title;
      ways += beat.size();
    }
  }
  EXPECT_GE(ways, 340u);
}

// Every question with a value has it in its answer and in the text; the others admit that they do
// not know.
void ExpectAnswered(const std::string& text, const std::vector<Question>& questions,
                    std::size_t* known, std::size_t* unknown) {
  const auto has = [](const std::string& in, const std::string& value) {
    return in.find(value) != std::string::npos || in.find(Capitalised(value)) != std::string::npos;
  };
  for (const Question& q : questions) {
    ++*(q.known ? known : unknown);
    if (q.value.empty()) continue;
    EXPECT_TRUE(q.known);
    EXPECT_TRUE(has(q.answer, q.value)) << q.answer << " " << q.value;
    EXPECT_TRUE(has(text, q.value)) << text << "\n" << q.value;
  }
}

TEST(Questions, AreAnsweredByTheText) {
  Random random(3);
  std::size_t known = 0, unknown = 0;
  for (int i = 0; i < 300; ++i) {
    const FactSheet sheet = MakeFacts(Half::kTraining, 1 + random.Below(4), &random);
    ExpectAnswered(sheet.text, sheet.questions, &known, &unknown);
    for (const Question& q : sheet.questions) EXPECT_EQ(q.value.empty(), !q.known) << q.question;
    const Story story = MakeStory(i % 2 == 0 ? Half::kTraining : Half::kHeldOut, &random);
    ExpectAnswered(story.text, story.questions, &known, &unknown);
  }
  EXPECT_GT(known, 1500u);
  EXPECT_GT(unknown, 300u);
}

TEST(Tools, SchemasAreObeyedOrNot) {
  const Json tool = ParseJson(R"({"name": "f", "parameters": {"type": "object", "properties": {
      "a": {"type": "integer"}, "b": {"type": "string", "enum": ["x", "y"]}}}})")
                        .value();
  const auto obeys = [&](const char* arguments) {
    return ObeysSchema(ParseJson(arguments).value(), tool);
  };
  EXPECT_TRUE(obeys(R"({"b": "y", "a": 3})"));
  EXPECT_FALSE(obeys(R"({"b": "z", "a": 3})"));
  EXPECT_FALSE(obeys(R"({"b": "y", "a": "3"})"));
  EXPECT_FALSE(obeys(R"({"b": "y"})"));
  EXPECT_FALSE(obeys(R"({"b": "y", "c": 3})"));
  EXPECT_FALSE(obeys("[1, 2]"));
}

// The reply of a conversation that goes on behind `so_far`, as a client would read it.
chat::Message ReadBack(const std::string& conversation, const std::string& so_far) {
  EXPECT_TRUE(conversation.starts_with(so_far));
  const std::size_t begin = conversation.find("</think>", so_far.size() - 8) + 8;
  const std::size_t end = conversation.find(chat::kDeepSeekV4.eos, begin);
  const auto reply = chat::ParseCompletion(
      chat::kDeepSeekV4, conversation.substr(begin, end - begin + chat::kDeepSeekV4.eos.size()),
      false);
  const auto* message = std::get_if<chat::Message>(&reply);
  EXPECT_NE(message, nullptr) << std::get<chat::ParseError>(reply).what;
  return message == nullptr ? chat::Message{} : *message;
}

TEST(Tools, CallsObeyTheirSchemaAndReadBack) {
  Random random(4);
  std::size_t calls = 0, later = 0;
  for (int i = 0; i < 200; ++i) {
    const auto make = i % 3 == 0 ? MakeToolDrill : MakeToolTask;
    const ToolTask task = make(i % 2 == 0 ? Half::kTraining : Half::kHeldOut, 4, &random);
    ASSERT_EQ(task.turns.size(), 4u);
    std::set<std::string> names;
    for (const Json& tool : task.tools)
      EXPECT_TRUE(names.insert(*tool.Find("name")->AsString()).second);
    const std::string conversation = ToolConversation(task).Text();
    for (std::size_t turn = 0; turn < task.turns.size(); ++turn) {
      if (task.turns[turn].calls.empty()) continue;
      ++calls;
      later += turn > 0;
      const chat::ToolCall& call = task.turns[turn].calls.front();
      const auto tool = std::ranges::find_if(
          task.tools, [&](const Json& t) { return *t.Find("name")->AsString() == call.name; });
      ASSERT_NE(tool, task.tools.end());
      const Json arguments = ParseJson(call.arguments).value();
      EXPECT_TRUE(ObeysSchema(arguments, *tool)) << call.arguments << tool->Dump();
      // What the model has to write is read back as that call.
      const chat::Message message = ReadBack(conversation, ToolQuestion(task, turn).Text());
      ASSERT_EQ(message.tool_calls.size(), 1u) << conversation;
      EXPECT_EQ(message.tool_calls[0].name, call.name);
      EXPECT_EQ(ParseJson(message.tool_calls[0].arguments).value().Dump(), arguments.Dump());
    }
  }
  EXPECT_GT(calls, 500u);
  EXPECT_GT(later, 350u);
}

std::set<std::string> ParameterNames(const ToolTask& task) {
  std::set<std::string> names;
  for (const Json& tool : task.tools)
    for (const auto& [name, property] : *tool.Find("parameters")->Find("properties")->AsObject())
      names.insert(name);
  return names;
}

// Whoever answers has to read: what a parameter of a drill is called, no other task has shown.
TEST(Tools, ParametersOfDrillsHaveNamesOfTheirOwn) {
  Random random(9);
  std::set<std::string> known;
  for (int i = 0; i < 500; ++i)
    known.merge(ParameterNames(MakeToolTask(Half::kTraining, 1, &random)));
  std::size_t names = 0, met = 0;
  for (int i = 0; i < 100; ++i)
    for (const std::string& name : ParameterNames(MakeToolDrill(Half::kTraining, 1, &random))) {
      ++names;
      met += known.insert(name).second ? 0 : 1;
    }
  EXPECT_GT(names, 300u);
  EXPECT_LT(met, names / 20);
}

// A request says every value that the call needs, or nothing could be called.
TEST(Tools, RequestsHoldTheArguments) {
  Random random(8);
  for (int i = 0; i < 300; ++i) {
    const ToolTask task = MakeToolTask(Half::kTraining, 2, &random);
    for (const ToolTurn& turn : task.turns) {
      if (turn.calls.empty()) continue;
      const Json arguments = ParseJson(turn.calls.front().arguments).value();
      for (const auto& [name, value] : *arguments.AsObject()) {
        if (value.AsArray() != nullptr) continue;
        const std::string said = value.AsString() == nullptr ? value.Dump() : *value.AsString();
        EXPECT_NE(turn.request.find(said), std::string::npos) << turn.request << " " << said;
      }
    }
  }
}

TEST(Recall, OnlyTheStatementTellsTheValue) {
  Random random(5);
  const std::vector<Needle> needles = MakeNeedles(Half::kHeldOut, 300, &random);
  std::set<std::string> keys;
  for (const Needle& needle : needles) {
    EXPECT_TRUE(keys.insert(needle.key).second) << needle.key;
    EXPECT_NE(needle.statement.find(needle.key), std::string::npos);
    EXPECT_NE(needle.statement.find(needle.value), std::string::npos);
    EXPECT_NE(needle.question.find(needle.key), std::string::npos);
    EXPECT_EQ(needle.question.find(needle.value), std::string::npos) << needle.question;
    EXPECT_EQ(needle.Answer(), needle.stem + " " + needle.value + ".");
  }
}

// There are only so many keys: a text of 64K tokens once asked for more, without end.
TEST(Recall, EveryHalfHasAsManyNeedlesAsItSays) {
  for (const Half half : {Half::kTraining, Half::kHeldOut}) {
    Random random(6);
    const std::size_t most = MostNeedles(half);
    EXPECT_GT(most, half == Half::kTraining ? 4000u : 1000u);
    std::set<std::string> keys;
    for (const Needle& needle : MakeNeedles(half, most, &random)) keys.insert(needle.key);
    EXPECT_EQ(keys.size(), most);
    EXPECT_DEATH(MakeNeedles(half, most + 1, &random), "MostNeedles");
  }
}

const Filler kDots = [](Random*) { return std::string("..."); };

TEST(Recall, EveryNeedleIsAskedForAndNoneFromNearby) {
  const RecallOptions options{.bytes = 3000, .needles = 12, .nearest_bytes = 500};
  Random random(6), same(6);
  const std::vector<Needle> needles = MakeNeedles(Half::kTraining, 12, &same, /*alike=*/true);
  const std::string text = RecallDocument(Half::kTraining, options, kDots, &random);
  std::size_t last = 0, first = text.size();
  for (const Needle& needle : needles) {
    last = std::max(last, text.find(needle.statement) + needle.statement.size());
    const std::size_t question = text.find(needle.question);
    ASSERT_NE(question, std::string::npos) << needle.question;
    EXPECT_NE(text.find(needle.Answer(), question), std::string::npos);
    first = std::min(first, question);
  }
  EXPECT_GE(first, last + 500);
  EXPECT_GT(text.size(), 2900u);
}

TEST(Recall, SentencesComeAgainFromAfar) {
  const RecallOptions options{.level = RecallLevel::kSentences, .bytes = 6000, .needles = 5};
  Random random(8), same(8);
  const std::vector<Needle> needles = MakeNeedles(Half::kTraining, 5, &same, /*alike=*/true);
  const std::string text = RecallDocument(Half::kTraining, options, kDots, &random);
  std::size_t answers = 0;
  for (const Needle& needle : needles) {
    std::size_t last = text.find(needle.statement) + needle.statement.size();
    const std::string again = needle.stem + text::kAnswerBegin + " " + needle.value + ".";
    for (std::size_t at = last; (at = text.find(again, at)) != std::string::npos; ++answers) {
      EXPECT_GE(at, last + options.nearest_bytes);
      at = last = at + again.size();
    }
  }
  EXPECT_GT(answers, 30u);
}

TEST(Recall, HalfOfTheKeysHaveAWordOfAnothers) {
  const auto sharing = [](bool alike) {  // of 20 times 10 needles
    Random random(7);
    std::ptrdiff_t count = 0;
    for (int text = 0; text < 20; ++text) {
      const std::vector<Needle> needles = MakeNeedles(Half::kTraining, 10, &random, alike);
      std::map<std::string, int> words;
      const auto word = [](const std::string& key, int i) {
        return i == 0 ? key.substr(0, key.find(' ')) + " " : key.substr(key.find(' '));
      };
      for (const Needle& needle : needles)
        for (const int i : {0, 1}) ++words[word(needle.key, i)];
      count += std::ranges::count_if(needles, [&](const Needle& needle) {
        return words[word(needle.key, 0)] > 1 || words[word(needle.key, 1)] > 1;
      });
    }
    return count;
  };
  EXPECT_GT(sharing(true), 120);
  EXPECT_GT(sharing(true), sharing(false) + 20);
}

TEST(Answers, AreMarkedWhereThatIsAskedFor) {
  for (const Kind kind : kAllKinds) {
    std::size_t answers = 0;
    for (std::uint64_t i = 0; i < 20; ++i) {
      const std::string plain = MakeDocument(kind, i, {.mark_answers = false});
      EXPECT_EQ(plain.find_first_of("\x02\x03"), std::string::npos);
      const auto marked = text::ReadAnswerMarks(MakeDocument(kind, i, {}));
      ASSERT_TRUE(marked.ok()) << marked.error().what;
      EXPECT_EQ(marked->text, plain);
      answers += marked->answers.size();
    }
    EXPECT_GE(answers, 10u) << KindName(kind);
  }
}

// Runs of eight words inside one message; what the published format itself writes is left out.
std::vector<std::string> Shingles(std::string text) {
  const std::size_t tools = text.find("## Tools");
  const std::size_t schemas = text.find("Schemas", tools);
  if (tools != std::string::npos) text.erase(tools, schemas - tools);
  const std::string_view follow =
      "You MUST strictly follow the above defined tool name and "
      "parameter schemas to invoke tool calls.";
  if (const std::size_t at = text.find(follow); at != std::string::npos)
    text.erase(at, follow.size());
  std::vector<std::string> shingles, words;
  std::string word;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const unsigned char c = i < text.size() ? static_cast<unsigned char>(text[i]) : '\n';
    if (std::isalnum(c)) {
      word += static_cast<char>(std::tolower(c));
      continue;
    }
    if (!word.empty()) words.push_back(std::exchange(word, {}));
    if (c >= 0x80 || c == '<' || c == '\n') words.clear();  // a control token, or a line's end
    if (words.size() >= 8) {
      std::string shingle;
      for (std::size_t w = words.size() - 8; w < words.size(); ++w) shingle += words[w] + ' ';
      if (shingles.empty() || shingles.back() != shingle) shingles.push_back(shingle);
    }
  }
  return shingles;
}

// What names somebody, some place, a tool, a parameter, or means nothing.
std::map<std::string, std::set<std::string>> Names(Half half) {
  Random random(9);
  std::map<std::string, std::set<std::string>> names;
  for (int i = 0; i < 4000; ++i) {
    names["people"].insert(PersonName(half, &random).text);
    names["towns"].insert(TownName(half, &random));
    names["places"].insert(PlaceName(half, &random));
    names["invented words"].insert(InventedWord(half, &random));
    names["titles"].insert(MakeStory(half, &random).title);
  }
  for (const Needle& needle : MakeNeedles(half, 500, &random)) names["keys"].insert(needle.key);
  for (int i = 0; i < 2000; ++i)
    for (const Json& tool : MakeToolTask(half, 1, &random).tools) {
      names["tools"].insert(*tool.Find("name")->AsString());
      names["descriptions"].insert(*tool.Find("description")->AsString());
      const Json properties = *tool.Find("parameters")->Find("properties");
      for (const auto& [name, property] : *properties.AsObject()) {
        names["parameters"].insert(name);
        names["parameters' descriptions"].insert(*property.Find("description")->AsString());
      }
    }
  return names;
}

TEST(Halves, ShareNoNames) {
  const auto training = Names(Half::kTraining), heldout = Names(Half::kHeldOut);
  for (const auto& [kind, names] : training) {
    std::string both;
    for (const std::string& name : heldout.at(kind))
      if (names.contains(name)) both += name + "; ";
    EXPECT_EQ(both, "") << kind;
    EXPECT_GE(heldout.at(kind).size(), 5u) << kind;
  }
  EXPECT_GT(training.at("tools").size(), 1000u);
}

TEST(Halves, ShareHardlyAPhrase) {
  for (const Kind kind : kAllKinds) {
    std::unordered_set<std::string> seen;
    for (std::uint64_t i = 0; i < 3 * kMany; ++i)
      for (std::string& shingle : Shingles(MakeDocument(kind, i, {})))
        seen.insert(std::move(shingle));
    std::size_t shared = 0, all = 0;
    std::map<std::string, int> which;
    for (std::uint64_t i = 0; i < kMany; ++i)
      for (const std::string& shingle : Shingles(MakeDocument(kind, i, {.half = Half::kHeldOut}))) {
        ++all;
        if (!seen.contains(shingle)) continue;
        ++shared;
        ++which[shingle];
      }
    std::string list;
    for (const auto& [shingle, count] : which)
      if (count > 3) list += shingle + "\n";
    EXPECT_LE(static_cast<double>(shared), 0.005 * static_cast<double>(all))
        << KindName(kind) << ": " << shared << " of " << all << "\n"
        << list;
  }
}

}  // namespace
}  // namespace hadal::datagen
