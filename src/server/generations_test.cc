// Generations with exchanges that are no sockets: clients that are slow, and clients that go.
#include "server/generations.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <new>

#include "server/answer_bytes.h"
#include "server/constraints.h"
#include "server/fake_exchange_test.h"
#include "testing/source_file.h"

namespace hadal::server {
namespace {

class KeepingSink : public AnswerSink {
 public:
  struct Kept {
    std::string text;
    bool finished = false;
    std::size_t deltas = 0;
    std::optional<ApiError> error;
    std::size_t throws_at = 0;  // the delta that there is no memory for; 0: there always is
  };
  KeepingSink(Kept* kept, std::shared_ptr<FakeExchange> exchange)
      : kept_(kept), exchange_(std::move(exchange)) {}
  void Accepted(const std::string&) override {}
  void Progress(std::size_t, std::size_t, double) override {}
  void Delta(const AnswerDelta& delta) override {
    if (++kept_->deltas == kept_->throws_at) throw std::bad_alloc();
    exchange_->Write("x");
    for (const AnswerPiece& piece : delta.pieces) kept_->text += piece.text;
  }
  void Done(const Answer&) override {}
  void Finished(const std::vector<Answer>&) override { kept_->finished = true; }
  void Failed(const ApiError& error) override { kept_->error = error; }
  void Alive() override {}

 private:
  Kept* kept_;
  std::shared_ptr<FakeExchange> exchange_;
};

class GenerationsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto model = ServedModel::Open({.directory = testing::EmbeddedFolder(), .context = 512});
    ASSERT_TRUE(model.ok()) << model.error().what;
    model_ = std::move(*model);
    std::string note;
    auto engine = EngineThread::Start(
        *model_, {.parallel = 2, .threads = 1, .keep_prefixes = false},
        [this] {
          if (waking_throws_.exchange(false)) throw std::bad_alloc();
          loop_.Post([this] { generations_->TakeEvents(); });
        },
        &note);
    ASSERT_TRUE(engine.ok()) << engine.error().what;
    engine_ = std::move(*engine);
    generations_.emplace(
        loop_, *engine_, *model_,
        GenerationLimits{.parallel = 2, .queue = 2, .pause_bytes = 10, .answer_bytes = 3'000'000},
        [this](const EndedGeneration& ended) { ended_.push_back(ended); });
    thread_ = std::thread([this] { loop_.Run(); });
  }
  void TearDown() override {
    loop_.Stop();
    thread_.join();
    engine_.reset();
  }

  static Generation Plain(std::size_t max_tokens) {
    Generation generation{.api = "test"};
    generation.runs.emplace_back();
    generation.runs[0].engine.tokens = {0, 10, 11, 12};
    generation.runs[0].engine.sample = {.temperature = 1, .seed = 3};
    generation.runs[0].engine.stop = {.max_tokens = max_tokens, .ignore_eos = true};
    return generation;
  }
  std::shared_ptr<FakeExchange> Submit(KeepingSink::Kept* kept, std::size_t max_tokens,
                                       bool slow = false) {
    return Submit(kept, Plain(max_tokens), slow);
  }
  std::shared_ptr<FakeExchange> Submit(KeepingSink::Kept* kept, Generation generation,
                                       bool slow = false) {
    auto exchange = std::make_shared<FakeExchange>(HttpRequest{});
    exchange->slow = slow;
    generations_->Submit(std::move(generation), std::make_unique<KeepingSink>(kept, exchange),
                         exchange);
    return exchange;
  }
  // On the loop's thread, and waits for it.
  void OnLoop(std::function<void()> task) {
    std::atomic<bool> done = false;
    loop_.Post([&] {
      task();
      done = true;
    });
    while (!done) std::this_thread::yield();
  }
  template <class F>
  bool Soon(F&& is) {
    for (int i = 0; i < 12'000; ++i) {  // a minute: for sanitizers on busy machines
      bool now = false;
      OnLoop([&] { now = is(); });
      if (now) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }

  std::unique_ptr<ServedModel> model_;
  std::atomic<bool> waking_throws_{false};  // once, on the engine's thread
  Loop loop_{1};
  std::unique_ptr<EngineThread> engine_;
  std::optional<Generations> generations_;
  std::vector<EndedGeneration> ended_;
  std::thread thread_;
};

TEST_F(GenerationsTest, ASlowClientIsWaitedForAndGetsTheSameText) {
  KeepingSink::Kept quick, slow;
  Submit(&quick, 60);
  ASSERT_TRUE(Soon([&] { return quick.finished; }));
  const auto exchange = Submit(&slow, 60, true);
  ASSERT_TRUE(Soon([&] { return exchange->waiting > 10; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  std::size_t deltas = 0;
  OnLoop([&] { deltas = slow.deltas; });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  OnLoop([&] {
    EXPECT_EQ(slow.deltas, deltas);  // it stands still
    EXPECT_LT(slow.deltas, 40u);
    EXPECT_FALSE(slow.finished);
    EXPECT_STREQ(generations_->Views().at(0).state, "paused");
    exchange->slow = false;
    exchange->drained();
  });
  ASSERT_TRUE(Soon([&] { return slow.finished; }));
  EXPECT_EQ(slow.text, quick.text);
  EXPECT_EQ(ended_.at(1).pauses, 1u);
}

TEST_F(GenerationsTest, AClientThatGoesWhileItIsPausedIsForgotten) {
  KeepingSink::Kept kept;
  const auto exchange = Submit(&kept, 400, true);
  ASSERT_TRUE(Soon([&] { return exchange->waiting > 10; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  OnLoop([&] { exchange->gone(); });
  ASSERT_TRUE(Soon([&] { return generations_->size() == 0; }));
  EXPECT_TRUE(ended_.at(0).cancelled);
  EXPECT_EQ(engine_->state_bytes(), 0u);
}

TEST_F(GenerationsTest, MoreThanMayWaitIsRefused) {
  std::vector<KeepingSink::Kept> kept(5);
  std::vector<std::shared_ptr<FakeExchange>> exchanges;
  for (KeepingSink::Kept& one : kept) exchanges.push_back(Submit(&one, 400));
  ASSERT_TRUE(Soon([&] { return kept[4].error.has_value(); }));
  EXPECT_EQ(kept[4].error->status, 429);
  EXPECT_GT(kept[4].error->retry_after_s, 0);
  OnLoop([&] { generations_->CancelAll(); });
  ASSERT_TRUE(Soon([&] { return generations_->size() == 0; }));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(kept[i].error->status, 503);
}

TEST_F(GenerationsTest, MoreChoicesThanThereIsEverRoomForAreNotAskedToComeAgain) {
  KeepingSink::Kept five, four;
  Generation generation = Plain(3);
  const RunRequest one = generation.runs[0];
  generation.runs.assign(5, one);
  Submit(&five, generation);
  ASSERT_TRUE(Soon([&] { return five.error.has_value(); }));
  EXPECT_EQ(five.error->status, 400);
  EXPECT_EQ(five.error->param, "n");
  EXPECT_EQ(five.error->retry_after_s, 0);
  generation.runs.resize(4);
  Submit(&four, generation);
  EXPECT_TRUE(Soon([&] { return four.finished; }));
}

// 400 tokens with 4 alternatives may come to 2.1 MB, of 3 that all answers have.
TEST_F(GenerationsTest, WhatAnswersMayComeToIsBounded) {
  const auto with_logprobs = [](std::size_t top, bool streams) {
    Generation generation = Plain(400);
    generation.runs[0].engine.logprobs = top;
    generation.tokens = streams ? TokensGo::kThrough : TokensGo::kIntoAnswer;
    return generation;
  };
  EXPECT_EQ(AnswerBytes(with_logprobs(4, false)), 400u * (256 + 5 * 1024));
  EXPECT_EQ(AnswerBytes(with_logprobs(20, true)), 0u);
  EXPECT_EQ(AnswerBytes(Plain(400)), 0u);
  KeepingSink::Kept too_large, first, second, stream;
  Submit(&too_large, with_logprobs(20, false));
  Submit(&first, with_logprobs(4, false));
  Submit(&second, with_logprobs(4, false));
  Submit(&stream, with_logprobs(20, true));
  ASSERT_TRUE(Soon([&] { return second.error.has_value() && stream.finished; }));
  ASSERT_TRUE(too_large.error.has_value());
  EXPECT_EQ(too_large.error->status, 400);
  EXPECT_EQ(too_large.error->param, "logprobs");
  EXPECT_EQ(second.error->status, 429);
  EXPECT_GT(second.error->retry_after_s, 0);
  ASSERT_TRUE(Soon([&] { return first.finished && generations_->size() == 0; }));
  // The stream's answer, which has ended first or last, holds no tokens; the other's has all.
  OnLoop([&] {
    ASSERT_EQ(ended_.size(), 2u);
    EXPECT_EQ(ended_[0].answers.at(0).tokens.size() + ended_[1].answers.at(0).tokens.size(), 400u);
  });
  KeepingSink::Kept again;
  Submit(&again, with_logprobs(4, false));
  EXPECT_TRUE(Soon([&] { return again.finished; }));  // there is room again
}

TEST_F(GenerationsTest, LanguagesAreKeptByTheirBytes) {
  const auto learn = [](Languages& languages, int length) {
    const Json schema = Json::MakeObject({{"type", "string"}, {"maxLength", length}});
    auto made = languages.OfSchema(schema, "schema");
    ASSERT_TRUE(made.ok()) << made.error().message;
    const std::size_t before = (*made)->bytes();
    std::vector<std::uint64_t> allowed;
    engine::LanguageText(*made).Next(&allowed);
    EXPECT_GT((*made)->bytes(), before);  // what is learnt counts
  };
  Languages one(*model_);
  learn(one, 40);
  const std::size_t most = 5 * one.bytes();
  Languages languages(*model_, most);
  std::size_t largest = 0;
  for (int i = 0; i < 30; ++i) {
    learn(languages, 40 + i);
    largest = std::max(largest, languages.bytes());
    languages.Forget();
    EXPECT_LE(languages.bytes(), most) << i;
  }
  EXPECT_GT(largest, most);                   // some were too many
  EXPECT_GT(languages.bytes(), one.bytes());  // and some are kept
}

TEST_F(GenerationsTest, WhatThrowsOnTheEnginesThreadEndsWhatRunsAndNoMore) {
  KeepingSink::Kept before, after, lost[2];
  Submit(&before, 40);
  ASSERT_TRUE(Soon([&] { return before.finished; }));
  for (KeepingSink::Kept& one : lost) Submit(&one, 400);
  ASSERT_TRUE(Soon([&] { return lost[0].deltas > 0 && lost[1].deltas > 0; }));
  waking_throws_ = true;
  ASSERT_TRUE(Soon([&] { return lost[0].error && lost[1].error; }));
  for (const KeepingSink::Kept& one : lost) {
    EXPECT_EQ(one.error->status, 503);
    EXPECT_NE(one.error->message.find("not enough memory"), std::string::npos)
        << one.error->message;
    EXPECT_FALSE(one.finished);
  }
  EXPECT_TRUE(Soon([&] { return generations_->size() == 0 && engine_->state_bytes() == 0; }));
  Submit(&after, 40);
  ASSERT_TRUE(Soon([&] { return after.finished; }));
  EXPECT_EQ(after.text, before.text);
}

TEST_F(GenerationsTest, WhatThrowsForOneClientEndsHisGenerationAlone) {
  KeepingSink::Kept lost, other;
  lost.throws_at = 5;
  const auto exchange = Submit(&lost, 400);
  Submit(&other, 60);
  ASSERT_TRUE(Soon([&] { return lost.error.has_value() && other.finished; }));
  EXPECT_EQ(lost.error->status, 503);
  EXPECT_EQ(lost.deltas, 5u);
  EXPECT_TRUE(Soon([&] { return generations_->size() == 0 && engine_->state_bytes() == 0; }));
  EXPECT_EQ(exchange.use_count(), 1);  // nobody else will answer
}

// Whatever would follow the first call is not asked for; the call and its tokens are complete.
TEST_F(GenerationsTest, AnAnswerOfOneCallEndsThere) {
  const std::vector<Json> tools = {Json::MakeObject({{"name", "f"}}),
                                   Json::MakeObject({{"name", "g"}})};
  Languages languages(*model_);
  auto calls = languages.OfCalls(tools, "", true);
  ASSERT_TRUE(calls.ok()) << calls.error().message;
  const auto answer = [&](std::uint64_t seed, bool one_call) {
    Generation generation{.api = "test", .chat = true, .tools = true, .one_call = one_call};
    generation.runs.emplace_back();
    engine::Request& request = generation.runs[0].engine;
    request.tokens = {0, 10, 11, 12};
    request.sample = {.temperature = 2, .seed = seed};
    request.stop = {.max_tokens = 300};
    request.constraint.language = *calls;
    KeepingSink::Kept kept;
    auto exchange = std::make_shared<FakeExchange>(HttpRequest{});
    generations_->Submit(std::move(generation), std::make_unique<KeepingSink>(&kept, exchange),
                         exchange);
    EXPECT_TRUE(Soon([&] { return kept.finished; }));
    Answer last;
    OnLoop([&] { last = ended_.back().answers.at(0); });
    return last;
  };
  std::size_t several = 0;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    const Answer free = answer(seed, false), one = answer(seed, true);
    ASSERT_EQ(one.calls.size(), 1u) << seed;
    EXPECT_EQ(one.calls[0].name, free.calls.at(0).name);
    EXPECT_EQ(one.calls[0].arguments, free.calls[0].arguments);
    EXPECT_EQ(one.finish, Finish::kToolCalls);
    EXPECT_TRUE(one.end.stop_text.empty());
    EXPECT_EQ(one.content, "");
    if (one.end.reason == engine::FinishReason::kEos) {
      const std::string text = model_->files().tokenizer.Decode(one.end.tokens);
      EXPECT_TRUE(text.ends_with(chat::CallEnd(model_->dialect()) + "\n" +
                                 chat::CallsEnd(model_->dialect())));
    }
    if (free.calls.size() > 1) ++several;
  }
  EXPECT_GT(several, 0u);
}

}  // namespace
}  // namespace hadal::server
