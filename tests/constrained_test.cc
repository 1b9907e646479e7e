// What the embedded model writes at temperature 2 where its text must fit a random schema, or call
// a random function: JSON that another validator than our own accepts.
//
// That is web/check/schemas.js, which starts this program with HADAL_CONSTRAINED_OUT=FILE and reads
// a line {"schema", "value"} of each text from there. Here alone: the texts are JSON, and calls.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstdlib>
#include <fstream>
#include <memory>

#include "base/json.h"
#include "chat/call_grammar.h"
#include "chat/parse.h"
#include "engine/constraint.h"
#include "engine/model_files.h"
#include "engine/scheduler.h"
#include "grammar/json_schema.h"
#include "random_schema.h"
#include "testing/source_file.h"

namespace hadal::tests {
namespace {

constexpr std::size_t kTexts = 4, kMaxTokens = 400;

const engine::ModelFiles& Files() {
  static const engine::ModelFiles files = engine::OpenModel(testing::EmbeddedFolder()).value();
  return files;
}

std::shared_ptr<const engine::Vocabulary> Vocabulary() {
  static const std::string_view marks[] = {chat::kDeepSeekV4.dsml};
  static const auto vocabulary =
      std::make_shared<const engine::Vocabulary>(Files().tokenizer, marks);
  return vocabulary;
}

void WriteDown(const Json& schema, const Json& value) {
  static std::ofstream out = [] {
    const char* path = std::getenv("HADAL_CONSTRAINED_OUT");
    return path == nullptr ? std::ofstream() : std::ofstream(path);
  }();
  if (out.is_open())
    out << Json::MakeObject({{"schema", schema}, {"value", value}}).Dump() << std::endl;
}

struct Written {
  std::string text;
  bool whole = false;  // false: cut at the token limit
};

// Several texts of a language, drawn beside each other.
std::vector<Written> Texts(const std::shared_ptr<engine::Language>& language) {
  static Threads threads(1);
  auto scheduler =
      engine::Scheduler::Create(Files().model, threads,
                                {.tokenizer = &Files().tokenizer, .eos_ids = Files().eos_ids})
          .value();
  std::vector<Written> texts(kTexts);
  std::size_t ended = 0;
  for (std::size_t i = 0; i < kTexts; ++i) {
    engine::Request request{.tokens = Files().tokenizer.Encode("Once upon a time")};
    request.sample = {.temperature = 2, .seed = 5, .choice = i};
    request.stop.max_tokens = kMaxTokens;
    request.constraint.language = language;
    request.on_token = [&text = texts[i].text](const engine::TokenEvent& event) {
      text += event.text;
    };
    request.on_end = [&written = texts[i], &ended](engine::Outcome outcome) {
      written.text += outcome.text;
      if (outcome.error) ADD_FAILURE() << outcome.error->what;
      written.whole = outcome.reason == engine::FinishReason::kEos;
      ++ended;
    };
    if (!scheduler->Add(std::move(request)).ok()) RC_FAIL("refused");
  }
  while (ended < kTexts) scheduler->Step();
  return texts;
}

// Whether nothing is wrong with it but that it does not go on.
bool EndsTooSoon(const std::string& text, const Error& error) {
  return error.what.starts_with(fmt::format("not JSON at byte {}:", text.size() + 1));
}

// Of a property's texts.
struct Counts {
  std::size_t whole = 0, cut = 0;
};

void CheckSchema(Counts* counts) {
  const Json schema = RandomSchema();
  RC_LOG() << schema.Dump() << '\n';
  auto grammar = grammar::CompileSchema(schema);
  if (!grammar.ok()) RC_FAIL(grammar.error().what);
  const auto language = std::make_shared<engine::Language>(std::move(*grammar), Vocabulary());
  for (const auto& [text, whole] : Texts(language)) {
    ++(whole ? counts->whole : counts->cut);
    const auto value = ParseJson(text);
    if (whole && value.ok()) WriteDown(schema, *value);
    if (!value.ok() && (whole || !EndsTooSoon(text, value.error())))
      RC_FAIL(text + ": " + value.error().what);
  }
}

void CheckCalls(Counts* counts) {
  const Json arguments = RandomArguments();
  RC_LOG() << arguments.Dump() << '\n';
  const Json tools[] = {Json::MakeObject({{"name", "first"}, {"parameters", arguments}}),
                        Json::MakeObject({{"name", "second"}})};
  const std::string dsml = Vocabulary()->Mark(chat::kDeepSeekV4.dsml);
  auto grammar = chat::CallGrammar(chat::kDeepSeekV4, tools, {.parallel = false, .dsml = dsml});
  if (!grammar.ok()) RC_FAIL(grammar.error().what);
  const auto language = std::make_shared<engine::Language>(std::move(*grammar), Vocabulary());
  for (const auto& [text, whole] : Texts(language)) {
    ++(whole ? counts->whole : counts->cut);
    if (!whole) continue;
    const auto parsed =
        chat::ParseCompletion(chat::kDeepSeekV4, text + std::string(chat::kDeepSeekV4.eos), false);
    if (const auto* error = std::get_if<chat::ParseError>(&parsed)) RC_FAIL(text + error->what);
    const auto& message = std::get<chat::Message>(parsed);
    RC_ASSERT(message.tool_calls.size() == 1u);
    RC_ASSERT(message.content.empty());
    const chat::ToolCall& call = message.tool_calls[0];
    const auto value = ParseJson(call.arguments);
    if (!value.ok()) RC_FAIL(text + ": " + value.error().what);
    if (call.name == "first")
      WriteDown(arguments, *value);
    else
      RC_ASSERT(call.name == "second" && call.arguments == "{}");
  }
}

TEST(Constrained, TextsFitTheirSchemas) {
  Counts counts;
  EXPECT_TRUE(rc::check([&] { CheckSchema(&counts); }));
  EXPECT_GT(counts.whole, 4 * counts.cut);  // few are cut at the token limit
}

TEST(Constrained, CallsFitTheirFunctions) {
  Counts counts;
  EXPECT_TRUE(rc::check([&] { CheckCalls(&counts); }));
  EXPECT_GT(counts.whole, 4 * counts.cut);
}

}  // namespace
}  // namespace hadal::tests
