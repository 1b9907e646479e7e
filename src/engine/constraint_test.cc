// Constraints on requests of the embedded model, drawn hot, so that nothing but the constraint
// keeps the text in order.
#include "engine/constraint.h"

#include <gtest/gtest.h>

#include <map>

#include "base/json.h"
#include "engine/model_files.h"
#include "engine/scheduler.h"
#include "grammar/builder.h"
#include "grammar/json_schema.h"
#include "testing/source_file.h"

namespace hadal::engine {
namespace {

using Ids = std::vector<std::int32_t>;
constexpr std::int32_t kEos = 1;

const ModelFiles& Files() {
  static const ModelFiles files = OpenModel(testing::EmbeddedFolder()).value();
  return files;
}

std::shared_ptr<Language> LanguageOf(const char* schema) {
  static const auto vocabulary = std::make_shared<const Vocabulary>(Files().tokenizer);
  return std::make_shared<Language>(grammar::CompileSchema(ParseJson(schema).value()).value(),
                                    vocabulary);
}

constexpr const char* kShort =
    R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"enum": ["x", "why"]},
        "c": {"type": "string", "maxLength": 8}}, "required": ["a", "b"],
        "additionalProperties": false})";

struct Heard {
  Ids ids;
  std::string text;
  std::optional<Outcome> end;
};

class ConstraintTest : public ::testing::Test {
 protected:
  ConstraintTest() : threads_(1) {
    options_.tokenizer = &Files().tokenizer;
    options_.eos_ids = {kEos};
  }
  static Request Hot(std::uint64_t seed, ConstraintOptions constraint) {
    Request request{.tokens = Files().tokenizer.Encode("Once upon a time")};
    request.sample.temperature = 2;
    request.sample.seed = seed;
    request.stop.max_tokens = 120;
    request.constraint = std::move(constraint);
    return request;
  }
  std::vector<Heard> RunAll(std::vector<Request> requests) {
    auto scheduler = Scheduler::Create(Files().model, threads_, options_).value();
    std::vector<Heard> heard(requests.size());
    std::size_t ended = 0;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      requests[i].on_token = [&h = heard[i]](const TokenEvent& event) {
        h.ids.push_back(event.id);
        h.text += event.text;
      };
      requests[i].on_end = [&h = heard[i], &ended](Outcome outcome) {
        h.text += outcome.text;
        h.end = std::move(outcome);
        ++ended;
      };
      EXPECT_TRUE(scheduler->Add(std::move(requests[i])).ok());
    }
    while (ended < requests.size()) scheduler->Step();
    return heard;
  }
  Heard Run(Request request) {
    std::vector<Request> one;
    one.push_back(std::move(request));
    return std::move(RunAll(std::move(one))[0]);
  }

  Threads threads_;
  SchedulerOptions options_;
};

TEST_F(ConstraintTest, TextsAreWholeWhenTheyEnd) {
  const auto language = LanguageOf(kShort);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Request request = Hot(seed, {.language = language});
    // Neither of these may break it.
    request.sample.logit_bias = {{Files().tokenizer.Encode("}")[0], -100}, {kEos, 100}};
    const Heard heard = Run(std::move(request));
    EXPECT_EQ(heard.end->reason, FinishReason::kEos);
    EXPECT_EQ(heard.ids.back(), kEos);
    const auto json = ParseJson(heard.text);
    ASSERT_TRUE(json.ok()) << heard.text;
    EXPECT_NE(json->Find("a"), nullptr);
    EXPECT_NE(json->Find("b"), nullptr);
  }
}

TEST_F(ConstraintTest, WhereNothingMayFollowTheTextEnds) {
  const auto language = LanguageOf(R"({"type": "boolean"})");
  Request request = Hot(1, {.language = language});
  request.stop.min_tokens = 100;
  EXPECT_EQ(Run(std::move(request)).end->reason, FinishReason::kEos);
  // No token ends a text: it ends all the same.
  request = Hot(1, {.language = language});
  request.stop.ignore_eos = true;
  const Heard heard = Run(std::move(request));
  EXPECT_EQ(heard.end->reason, FinishReason::kStop);
  EXPECT_TRUE(heard.text == "true" || heard.text == "false") << heard.text;
  // Where something may, as behind each digit of a number that does not begin with 0, it counts.
  request = Hot(1, {.language = LanguageOf(R"({"type": "integer", "minimum": 1})")});
  request.stop.min_tokens = 6;
  EXPECT_GE(Run(std::move(request)).ids.size(), 6u);
}

TEST_F(ConstraintTest, BeginsBehindItsToken) {
  const std::int32_t begin = Files().tokenizer.Encode("!")[0];
  // Likely to end at once, if it may.
  const auto request = [&](std::size_t within) {
    Request r = Hot(3, {.language = LanguageOf(kShort), .after = begin, .after_within = within});
    r.sample.logit_bias = {{kEos, 100}, {begin, -100}};
    return r;
  };
  for (const std::size_t within : {0, 1, 7}) {
    const Heard heard = Run(request(within));
    ASSERT_GT(heard.ids.size(), within + 1);
    EXPECT_EQ(heard.ids[within], begin);
    EXPECT_EQ(std::ranges::count(heard.ids, kEos), 1);
    const Ids rest(heard.ids.begin() + static_cast<std::ptrdiff_t>(within) + 1,
                   heard.ids.end() - 1);
    EXPECT_TRUE(ParseJson(Files().tokenizer.Decode(rest)).ok()) << heard.text;
  }
  // Without a language: only the reasoning is bounded.
  Request thinking = request(4);
  thinking.constraint.language = nullptr;
  EXPECT_EQ(Run(std::move(thinking)).ids.size(), 6u);
}

TEST_F(ConstraintTest, WhoSharesALanguageOrAStepChangesNothing) {
  std::vector<Heard> alone;
  for (std::uint64_t seed = 0; seed < 6; ++seed)
    alone.push_back(Run(Hot(seed, {.language = LanguageOf(kShort)})));
  const auto shared = LanguageOf(kShort);
  std::vector<Request> requests;
  for (std::uint64_t seed = 0; seed < 6; ++seed)
    requests.push_back(Hot(seed, {.language = shared}));
  requests.push_back(Hot(7, {}));
  const std::vector<Heard> together = RunAll(std::move(requests));
  for (std::size_t i = 0; i < alone.size(); ++i) EXPECT_EQ(together[i].ids, alone[i].ids);
}

TEST_F(ConstraintTest, GoesOnFromWhatWasGenerated) {
  const auto language = LanguageOf(kShort);
  const Heard whole = Run(Hot(5, {.language = language}));
  ASSERT_GT(whole.ids.size(), 6u);
  Request request = Hot(5, {.language = language});
  request.tokens.insert(request.tokens.end(), whole.ids.begin(), whole.ids.begin() + 4);
  request.generated = 4;
  EXPECT_EQ(Run(std::move(request)).ids, whole.ids);

  request = Hot(5, {.language = language});
  request.tokens.push_back(Files().tokenizer.Encode("a")[0]);
  request.generated = 1;
  const Heard foreign = Run(std::move(request));
  EXPECT_EQ(foreign.end->reason, FinishReason::kFailed);
  EXPECT_NE(foreign.end->error->what.find("does not go on with"), std::string::npos);
}

TEST_F(ConstraintTest, AControlTokenIsAllowedWhereAMarkAsksForIt) {
  const std::string_view marks[] = {"<think>", "<no token>"};
  const auto vocabulary = std::make_shared<const Vocabulary>(Files().tokenizer, marks);
  EXPECT_EQ(vocabulary->Mark("<no token>"), "<no token>");
  grammar::Builder b;
  b.Define(b.NewRule(), b.Seq({b.Text("a" + vocabulary->Mark("<think>")),
                               b.Repeat(b.Characters({{0, 0x10FFFF}}), 0, 3), b.Text(".")}));
  const auto language = std::make_shared<Language>(std::move(b).Finish().value(), vocabulary);
  const std::int32_t think = *Files().tokenizer.AddedToken("<think>");
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Heard heard = Run(Hot(seed, {.language = language}));
    EXPECT_EQ(heard.end->reason, FinishReason::kEos);
    ASSERT_GT(heard.ids.size(), 2u);
    EXPECT_EQ(heard.ids[1], think);
    EXPECT_EQ(std::ranges::count(heard.ids, think), 1);
  }
}

TEST_F(ConstraintTest, OptionsThatCannotBeAreNamed) {
  auto scheduler = Scheduler::Create(Files().model, threads_, options_).value();
  const std::size_t vocab = Files().model.config.vocab_size;
  EXPECT_EQ(scheduler->Add(Hot(0, {.after = static_cast<std::int32_t>(vocab)})).error().what,
            fmt::format("constraint's first token: found {0}, but the model's vocabulary has {0}",
                        vocab));
  EXPECT_EQ(scheduler->Add(Hot(0, {.after_within = 3})).error().what,
            "constraint within 3 tokens: of which token is not said");
}

}  // namespace
}  // namespace hadal::engine
