// The scheduler with guesses: fewer passes, and nothing else, whatever is guessed.
#include <gtest/gtest.h>

#include "engine/scheduler_fixture_test.h"
#include "grammar/json_schema.h"
#include "testing/parrot.h"
#include "testing/temp_folder.h"

namespace hadal::engine {
namespace {

// Guesses what the text is known to be, or what it is not.
class KnownDrafter final : public Drafter {
 public:
  KnownDrafter(Ids text, bool right) : text_(std::move(text)), right_(right) {}
  Status Draft(std::span<DraftText> texts) override {
    for (DraftText& text : texts)
      for (std::size_t i = 0; i < text.most && text.tokens.size() + i < text_.size(); ++i)
        text.guesses.push_back({text_[text.tokens.size() + i] ^ (right_ ? 0 : 1)});
    return Unit{};
  }

 private:
  Ids text_;
  bool right_;
};

// Finds no memory every other time.
class StarvedDrafter final : public Drafter {
 public:
  explicit StarvedDrafter(Ids text) : known_(std::move(text), true) {}
  Status Draft(std::span<DraftText> texts) override {
    if (starved_ = !starved_; starved_) return hadal::Fail(Code::kExhausted, "no memory now");
    return known_.Draft(texts);
  }

 private:
  KnownDrafter known_;
  bool starved_ = false;
};

class SpeculatingTest : public SchedulerTest {
 protected:
  void Offer(const Heard& whole, bool right, std::size_t depth) {
    options_.speculate.depth = depth;
    options_.speculate.drafter = [text = whole.end->tokens, right] {
      return std::make_unique<KnownDrafter>(text, right);
    };
  }
  void ExpectSame(const Heard& got, const Heard& want) {
    EXPECT_EQ(got.ids, want.ids);
    EXPECT_EQ(got.text, want.text);
    EXPECT_EQ(got.logprobs, want.logprobs);  // bit for bit
    EXPECT_EQ(got.end->reason, want.end->reason);
    EXPECT_EQ(got.end->stop_text, want.end->stop_text);
    EXPECT_EQ(got.end->tokens, want.end->tokens);
    EXPECT_EQ(got.end->generated_tokens, want.end->generated_tokens);
    EXPECT_EQ(got.end->state->tokens(), want.end->state->tokens());
  }
};

TEST_F(SpeculatingTest, ADrafterThatFindsNoMemoryIsAskedAgain) {
  const Request request = Greedy(kPrompt, 40);
  const Heard whole = Run(request);
  options_.speculate.depth = 3;
  options_.speculate.drafter = [text = whole.end->tokens] {
    return std::make_unique<StarvedDrafter>(text);
  };
  const Heard guessed = Run(request);
  ExpectSame(guessed, whole);
  EXPECT_GE(guessed.end->drafts.accepted, 20u);
}

TEST_F(SpeculatingTest, RightGuessesMakePassesFewerAndTextsTheSame) {
  Request request = Greedy(kPrompt, 40);
  request.sample.temperature = 1;
  request.logprobs = 1;
  const Heard whole = Run(request);
  Offer(whole, true, 7);
  const Heard guessed = Run(request);
  ExpectSame(guessed, whole);
  const DraftCounts& drafts = guessed.end->drafts;
  EXPECT_EQ(drafts.accepted, drafts.tried);
  EXPECT_EQ(drafts.drafts, 5u);  // 1 token, then 8 a pass: 4 passes of 7 guesses, one of 6
  EXPECT_EQ(drafts.accepted, 34u);
  EXPECT_EQ(drafts.accepted_at[6], 4u);
}

TEST_F(SpeculatingTest, WrongGuessesChangeNothing) {
  Request request = Greedy(kPrompt, 20);
  request.logprobs = 1;
  const Heard whole = Run(request);
  Offer(whole, false, 16);
  const Heard guessed = Run(request);
  ExpectSame(guessed, whole);
  EXPECT_EQ(guessed.end->drafts.accepted, 0u);
  EXPECT_GT(guessed.end->drafts.tried, 100u);
}

// What ends a text ends it in the middle of right guesses too.
TEST_F(SpeculatingTest, EndsAreWhereTheyWere) {
  const Heard whole = Run(Greedy(kPrompt, 30));
  Offer(whole, true, 16);
  Request eos = Greedy(kPrompt, 30), stop_text = eos, stop_id = eos;
  stop_text.stop.texts = {whole.text.substr(12, 4)};
  stop_id.stop.token_ids = {whole.ids[9]};
  for (const Request& request : {stop_text, stop_id, eos}) {
    SchedulerOptions with = options_;
    options_.speculate = {};
    const Heard alone = Run(request);
    options_ = with;
    ExpectSame(Run(request), alone);
  }
}

// Rows that are guessed are never beyond what was promised: prompt and token limit.
TEST_F(SpeculatingTest, GuessesNeedNoMemoryThatWasNotPromised) {
  constexpr std::size_t kTokens = 128;  // a page to the last token
  const Heard whole = Run(Reading(kTokens - 20, 20));
  options_.state_bytes = StateBytes(kTokens);
  for (const bool right : {true, false}) {
    Offer(whole, right, 16);
    Make();
    Heard heard;
    Add(Reading(kTokens - 20, 20), &heard);
    while (!heard.end) {
      scheduler_->Step();
      EXPECT_LE(scheduler_->pool()->used_bytes(), options_.state_bytes);
    }
    EXPECT_FALSE(heard.end->error);
    EXPECT_EQ(heard.ids, whole.ids);
  }
}

// A callback that cancels gets no token more, however many the pass could give.
TEST_F(SpeculatingTest, ACancelFromATokenIsTheLast) {
  const Heard whole = Run(Greedy(kPrompt, 30));
  Offer(whole, true, 16);
  Make();
  Heard heard;
  RequestId id = 0;
  Request request = Listen(Greedy(kPrompt, 30), &heard);
  request.on_token = [&](const TokenEvent& event) {
    heard.ids.push_back(event.id);
    if (heard.ids.size() == 9) scheduler_->Cancel(id);
  };
  id = scheduler_->Add(std::move(request)).value();
  while (!heard.end) scheduler_->Step();
  EXPECT_EQ(heard.end->reason, FinishReason::kCancelled);
  EXPECT_EQ(heard.ids, Ids(whole.ids.begin(), whole.ids.begin() + 9));
  EXPECT_LT(heard.end->state->tokens(), heard.end->tokens.size());
}

// Of a model whose MTP block has learnt the text as well as its layers have.
TEST_F(SpeculatingTest, TheMtpBlockGuessesOftenRight) {
  const Request request = Greedy(kPrompt, 60);
  Ids chain = {request.tokens.back()};
  for (std::int32_t id = 1000; chain.size() < 70; ++id)
    if (id != chain[0]) chain.push_back(id);
  const testing::TempFolder folder;
  testing::MakeParrot(testing::EmbeddedFolder(), folder.path(), chain);
  const ModelFiles parrot = OpenModel(folder.path()).value();
  const auto run = [&] {
    scheduler_ = Scheduler::Create(parrot.model, threads_, options_).value();
    Heard heard;
    Add(request, &heard);
    while (!heard.end) scheduler_->Step();
    return heard;
  };
  const Heard whole = run();
  EXPECT_EQ(whole.ids, Ids(chain.begin() + 1, chain.begin() + 61));
  options_.speculate = {.drafting = Drafting::kMtp};
  const Heard one = run();
  ExpectSame(one, whole);
  EXPECT_GT(one.end->drafts.tried, 20u);
  EXPECT_GT(one.end->drafts.accepted, one.end->drafts.tried * 3 / 4);
  options_.speculate.depth = 4;
  const Heard four = run();
  ExpectSame(four, whole);
  EXPECT_GT(four.end->drafts.accepted_at[1], 0u);
}

class FailingDrafter final : public Drafter {
 public:
  explicit FailingDrafter(int* asked) : asked_(asked) {}
  Status Draft(std::span<DraftText>) override {
    ++*asked_;
    return Error{Code::kIo, "no"};
  }

 private:
  int* asked_;
};

TEST_F(SpeculatingTest, ADrafterThatFailsIsNotAskedAgainAndHarmsNothing) {
  const Heard whole = Run(Greedy(kPrompt, 20));
  int asked = 0;
  options_.speculate.drafter = [&] { return std::make_unique<FailingDrafter>(&asked); };
  ExpectSame(Run(Greedy(kPrompt, 20)), whole);
  EXPECT_EQ(asked, 1);
}

// With a language, whose tokens are few at every place.
TEST_F(SpeculatingTest, ConstrainedTextsAreTheSame) {
  const Json schema = ParseJson(R"({"type": "object", "properties": {"name": {"type": "string"},
      "age": {"type": "integer"}}, "required": ["name", "age"]})")
                          .value();
  const auto vocabulary = std::make_shared<const Vocabulary>(Files().tokenizer);
  Request request = Greedy("A person:", 60);
  request.sample.temperature = 1;
  request.logprobs = 0;
  request.constraint.language =
      std::make_shared<Language>(grammar::CompileSchema(schema).value(), vocabulary);
  const Heard whole = Run(request);
  for (const bool right : {true, false}) {
    Offer(whole, right, 6);
    ExpectSame(Run(request), whole);
  }
  options_.speculate = {.drafting = Drafting::kMtp, .depth = 3};
  ExpectSame(Run(request), whole);
}

TEST_F(SpeculatingTest, WrongOptionsAreRefused) {
  options_.speculate = {.drafting = Drafting::kLookup, .depth = 17};
  const auto made = Scheduler::Create(Files().model, threads_, options_);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().what, "draft depth: found 17, expected 1 to 16");
}

}  // namespace
}  // namespace hadal::engine
