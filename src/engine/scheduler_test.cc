// The scheduler's rules, with the embedded model: ends, memory, fairness, cancels, threads. That
// texts do not depend on whom they are computed with: tests/scheduler_test.cc, on many small
// models.
#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <thread>

#include "engine/scheduler_fixture_test.h"

namespace hadal::engine {
namespace {

TEST_F(SchedulerTest, EosEndsATextAndIsNotShown) {
  const Heard whole = Run(Greedy(kPrompt, 20));
  ASSERT_EQ(whole.ids.size(), 20u);
  EXPECT_EQ(whole.end->reason, FinishReason::kMaxTokens);
  const std::int32_t eos = whole.ids[6];
  const auto first = std::ranges::find(whole.ids, eos) - whole.ids.begin();
  options_.eos_ids = {1, eos};
  const Heard ended = Run(Greedy(kPrompt, 20));
  EXPECT_EQ(ended.end->reason, FinishReason::kEos);
  EXPECT_EQ(ended.ids, Ids(whole.ids.begin(), whole.ids.begin() + first + 1));
  EXPECT_EQ(ended.end->generated_tokens, ended.ids.size());
  EXPECT_EQ(ended.end->tokens.size(), ended.end->prompt_tokens + ended.ids.size() - 1);
  EXPECT_EQ(ended.text, Files().tokenizer.Decode(std::span(ended.ids).first(ended.ids.size() - 1)));

  Request ignoring = Greedy(kPrompt, 20);
  ignoring.stop.ignore_eos = true;
  EXPECT_EQ(Run(ignoring).ids, whole.ids);
}

TEST_F(SchedulerTest, StopIdsEndATextToo) {
  const Heard whole = Run(Greedy(kPrompt, 20));
  Request request = Greedy(kPrompt, 20);
  request.stop.token_ids = {whole.ids[4]};
  const Heard ended = Run(request);
  EXPECT_EQ(ended.end->reason, FinishReason::kStop);
  EXPECT_EQ(ended.end->stop_text, "");
  EXPECT_EQ(ended.ids.back(), whole.ids[4]);
  EXPECT_LE(ended.ids.size(), 5u);
}

TEST_F(SchedulerTest, StopTextsEndATextBeforeThem) {
  const Heard whole = Run(Greedy(kPrompt, 30));
  ASSERT_GT(whole.text.size(), 20u);
  Request request = Greedy(kPrompt, 30);
  const std::string stop = whole.text.substr(10, 4);  // across tokens
  request.stop.texts = {"never said", stop};
  const Heard ended = Run(request);
  EXPECT_EQ(ended.end->reason, FinishReason::kStop);
  EXPECT_EQ(ended.end->stop_text, stop);
  EXPECT_EQ(ended.text, whole.text.substr(0, whole.text.find(stop)));
  EXPECT_LT(ended.ids.size(), whole.ids.size());
}

TEST_F(SchedulerTest, NothingEndsATextBeforeMinTokens) {
  const Heard whole = Run(Greedy(kPrompt, 20));
  Request request = Greedy(kPrompt, 20);
  request.stop.min_tokens = 12;
  request.stop.token_ids = {whole.ids[3]};
  const Heard later = Run(request);
  EXPECT_GE(later.ids.size(), 12u);
  for (std::size_t i = 0; i + 1 < std::min<std::size_t>(later.ids.size(), 12); ++i)
    EXPECT_NE(later.ids[i], whole.ids[3]) << i;
  request.stop.token_ids.clear();
  request.stop.texts = {whole.text.substr(3, 2)};
  EXPECT_GE(Run(request).ids.size(), 12u);
}

TEST_F(SchedulerTest, LogprobsComeWithTheTokens) {
  Request request = Greedy(kPrompt, 5);
  request.logprobs = 2;
  Make();
  std::size_t seen = 0;
  bool ended = false;
  request.on_token = [&](const TokenEvent& event) {
    ASSERT_NE(event.logprobs, nullptr);
    EXPECT_EQ(event.logprobs->chosen.id, event.id);
    ASSERT_EQ(event.logprobs->top.size(), 2u);
    EXPECT_EQ(event.logprobs->top[0].id, event.id);  // greedy
    EXPECT_LE(event.logprobs->top[1].logprob, event.logprobs->top[0].logprob);
    EXPECT_EQ(event.position, 5 + seen);
    ++seen;
  };
  request.on_end = [&](const Outcome&) { ended = true; };
  ASSERT_TRUE(scheduler_->Add(std::move(request)).ok());
  while (!ended) scheduler_->Step();
  EXPECT_EQ(seen, 5u);
}

TEST_F(SchedulerTest, WhatCanNeverFitIsRefusedWithFigures) {
  options_.state_bytes = StateBytes(200);
  Make();
  const auto refused = scheduler_->Add(Reading(100, 200));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kExhausted);
  EXPECT_EQ(refused.error().what.find("100 tokens and 200 to generate need "), 0u)
      << refused.error().what;
  EXPECT_TRUE(scheduler_->Add(Reading(100, 100)).ok());
  EXPECT_EQ(scheduler_->Add(Reading(100, 2'000'000)).error().code, Code::kInvalid);
}

TEST_F(SchedulerTest, ARequestWaitsUntilItsMemoryIsFree) {
  options_.state_bytes = StateBytes(100) * 5 / 2;
  Make();
  Heard heard[4];
  for (Heard& h : heard) Add(Reading(60, 40), &h);
  StepReport report = scheduler_->Step();
  EXPECT_EQ(report.running, 2u);
  EXPECT_EQ(report.waiting, 2u);
  while (!heard[3].end) {
    report = scheduler_->Step();
    for (Heard& h : heard)
      if (h.end) h.end->state.reset();
    EXPECT_LE(report.running, 2u);
    EXPECT_LE(scheduler_->pool()->used_bytes(), options_.state_bytes);
  }
  for (Heard& h : heard) {
    EXPECT_EQ(h.end->reason, FinishReason::kMaxTokens);
    EXPECT_FALSE(h.end->error);
  }
}

// A state that somebody keeps is not free, though its request has ended.
TEST_F(SchedulerTest, StatesThatWereHandedOverCount) {
  options_.state_bytes = StateBytes(100) * 3 / 2;
  Make();
  Heard first, second;
  Add(Reading(60, 40), &first);
  Add(Reading(60, 40), &second);
  while (!first.end) scheduler_->Step();
  EXPECT_EQ(scheduler_->Step().waiting, 1u);
  EXPECT_EQ(scheduler_->Step().waiting, 1u);
  first.end->state.reset();
  EXPECT_EQ(scheduler_->Step().running, 1u);
  while (!second.end) scheduler_->Step();
  second.end->state.reset();
  EXPECT_EQ(scheduler_->pool()->used_bytes(), 0u);
}

// Who was stopped and goes on holds memory that the one before it in the queue waits for.
TEST_F(SchedulerTest, AStateThatComesBackGoesFirst) {
  const Heard alone = Run(Reading(60, 40));
  options_.state_bytes = StateBytes(100) * 2;
  Make();
  Heard stopped, runs, waits, rest;
  const RequestId id = Add(Reading(60, 40), &stopped);
  while (stopped.ids.size() < 3) scheduler_->Step();
  scheduler_->Cancel(id);
  scheduler_->Step();
  ASSERT_TRUE(stopped.end && stopped.end->state);
  Add(Reading(60, 40), &runs);
  Add(Reading(60, 40), &waits);
  EXPECT_EQ(scheduler_->Step().running, 1u);
  Add(GoingOn(Reading(60, 40), &*stopped.end), &rest);
  const StepReport report = scheduler_->Step();
  EXPECT_EQ(report.running, 2u);
  EXPECT_EQ(report.waiting, 1u);
  for (int step = 0; !rest.end && step < 1000; ++step) scheduler_->Step();
  ASSERT_TRUE(rest.end);
  EXPECT_EQ(rest.ids, alone.ids);
}

// Who was stopped and wants all the memory does not fit beside another one's state, which waits
// behind it.
TEST_F(SchedulerTest, StatesThatFillTheMemoryDoNotWaitForEachOther) {
  const Request large = Reading(5000, 3), small = Reading(60, 40);
  const Heard large_alone = Run(large), small_alone = Run(small);
  options_.state_bytes = StateBytes(5003);
  options_.max_rows = 64;
  Make();
  Heard stopped[2], rest[2];
  for (int i = 0; i < 2; ++i) {
    const RequestId id = Add(i == 0 ? large : small, &stopped[i]);
    for (int step = 0; step < 4; ++step) scheduler_->Step();
    scheduler_->Cancel(id);
    scheduler_->Step();
    ASSERT_TRUE(stopped[i].end && stopped[i].end->state);
  }
  for (int i = 0; i < 2; ++i) Add(GoingOn(i == 0 ? large : small, &*stopped[i].end), &rest[i]);
  for (int i : {1, 0}) {
    for (int step = 0; !rest[i].end && step < 2000; ++step) scheduler_->Step();
    ASSERT_TRUE(rest[i].end) << i;
    rest[i].end->state.reset();
  }
  EXPECT_EQ(rest[0].ids, large_alone.ids);
  EXPECT_EQ(rest[1].ids, small_alone.ids);
}

// What cannot be admitted yet drops no state that others could have gone on from.
TEST_F(SchedulerTest, WhatDoesNotFitAnywayCostsNoPrefix) {
  options_.state_bytes = StateBytes(400) * 2;
  options_.keep_prefixes = true;
  Make();
  Heard kept, held, large;
  Add(Reading(100, 1), &kept);
  while (!kept.end) scheduler_->Step();
  kept.end->state.reset();
  ASSERT_GT(scheduler_->prefix_figures().states, 0u);
  Request request = Reading(300, 50);
  std::ranges::reverse(request.tokens);
  Add(std::move(request), &held);
  while (!held.end) scheduler_->Step();
  ASSERT_GT(scheduler_->prefix_figures().states, 0u);
  const std::uint64_t dropped = scheduler_->prefix_figures().dropped;
  std::size_t tokens = 400;  // that take all of the memory
  while (StateBytes(tokens + 128) <= options_.state_bytes) tokens += 128;
  Request all = Reading(300, tokens - 300);
  std::ranges::fill(all.tokens, 5);
  Add(std::move(all), &large);
  for (int step = 0; step < 3; ++step) EXPECT_EQ(scheduler_->Step().waiting, 1u);
  EXPECT_EQ(scheduler_->prefix_figures().dropped, dropped);
  held.end->state.reset();
  EXPECT_EQ(scheduler_->Step().running, 1u);
}

TEST_F(SchedulerTest, ALongPromptDoesNotStopOthersTokens) {
  options_.max_rows = 64;
  options_.step_seconds = 1e-6;  // no time for a prompt: a row a step all the same
  Make();
  Heard decoding, reading;
  Add(Greedy(kPrompt, 60), &decoding);
  while (decoding.ids.empty()) scheduler_->Step();
  std::size_t done = 0;
  Request request = Reading(500, 1);
  request.on_prompt = [&](std::size_t at, std::size_t) { done = at; };
  Add(std::move(request), &reading);
  for (std::size_t step = 0; step < 30; ++step) {
    const std::size_t tokens = decoding.ids.size(), before = done;
    const StepReport report = scheduler_->Step();
    EXPECT_EQ(report.decode_rows, 1u);
    EXPECT_EQ(decoding.ids.size(), tokens + 1) << step;
    EXPECT_EQ(done - before, report.prompt_rows);
    if (step > 2) {
      EXPECT_EQ(report.prompt_rows, 1u) << step;
    }
  }
}

TEST_F(SchedulerTest, PromptsAreReadTogether) {
  options_.max_rows = 60;
  options_.step_seconds = 1000;
  Make();
  Heard heard[3];
  std::size_t done[3] = {};
  for (int i = 0; i < 3; ++i) {
    Request request = Reading(i == 2 ? 10 : 400, 1);
    request.on_prompt = [&done, i](std::size_t at, std::size_t) { done[i] = at; };
    Add(std::move(request), &heard[i]);
  }
  for (int step = 0; step < 5; ++step) scheduler_->Step();
  EXPECT_TRUE(heard[2].end);  // a short one does not wait for the long ones
  EXPECT_LE(std::max(done[0], done[1]) - std::min(done[0], done[1]), 10u);
  EXPECT_GT(done[0], 80u);
}

TEST_F(SchedulerTest, ACancelActsInThePromptAndInTheQueue) {
  options_.max_rows = 16;
  options_.state_bytes = StateBytes(3001);
  Make();
  Heard reading, waiting;
  const RequestId first = Add(Reading(3000, 1), &reading);
  const RequestId second = Add(Reading(3000, 1), &waiting);
  for (int step = 0; step < 3; ++step) scheduler_->Step();
  scheduler_->Cancel(second);
  scheduler_->Cancel(second + 7);  // nobody
  scheduler_->Step();
  ASSERT_TRUE(waiting.end);
  EXPECT_EQ(waiting.end->reason, FinishReason::kCancelled);
  EXPECT_FALSE(waiting.end->state);
  scheduler_->Cancel(first);
  const StepReport report = scheduler_->Step();
  EXPECT_EQ(report.running + report.waiting, 0u);
  ASSERT_TRUE(reading.end);
  EXPECT_EQ(reading.end->reason, FinishReason::kCancelled);
  EXPECT_GT(reading.end->state->tokens(), 0u);
  EXPECT_LT(reading.end->state->tokens(), 3000u);
  reading.end.reset();
  EXPECT_EQ(scheduler_->pool()->used_bytes(), 0u);
}

// A request whose pass is dropped in its middle goes on as if nothing had been.
TEST_F(SchedulerTest, ADroppedPassLeavesNoTrace) {
  const Heard whole = Run(Reading(300, 10));
  std::atomic<bool> drop{false};
  options_.interrupt = &drop;
  options_.step_seconds = 0;  // every pass is a long one
  Make();
  Heard heard;
  Add(Reading(300, 10), &heard);
  for (int step = 0; !heard.end && step < 1000; ++step) {
    std::thread other([&] {
      if (step % 2 == 0) drop = true;
    });
    const StepReport report = scheduler_->Step();
    other.join();
    if (step % 2 == 1) {
      EXPECT_GT(report.decode_rows + report.prompt_rows, 0u);
    }
    drop = false;
  }
  ASSERT_TRUE(heard.end);
  EXPECT_EQ(heard.ids, whole.ids);
}

// A newcomer does not wait for the end of a long pass, and who made room loses nothing else.
TEST_F(SchedulerTest, ALonePassMakesRoomForANewcomer) {
  Request long_one = Reading(1500, 5);
  long_one.logprobs = 0;
  const Heard whole = Run(long_one), other = Run(Greedy(kPrompt, 3));
  options_.max_rows = 1024;
  options_.step_seconds = 1e-3;
  int drops = 0;  // in whichever layer
  for (int tries = 0; drops < 5 && tries < 40; ++tries) {
    Make();
    Heard reading, newcomer;
    Add(long_one, &reading);
    for (std::size_t rows = 0; rows < 16 + 64 + 256;) rows += scheduler_->Step().prompt_rows;
    std::thread caller([&] {
      // Into the pass of 1024 rows.
      std::this_thread::sleep_for(std::chrono::milliseconds(2 + 3 * (tries % 10)));
      Add(Greedy(kPrompt, 3), &newcomer);
    });
    const StepReport report = scheduler_->Step();
    caller.join();
    const bool dropped = report.prompt_rows == 0;
    drops += dropped ? 1 : 0;
    while (!newcomer.end) scheduler_->Step();
    EXPECT_EQ(reading.ids.empty(), dropped);
    while (!reading.end) scheduler_->Step();
    EXPECT_EQ(reading.ids, whole.ids);
    EXPECT_EQ(reading.logprobs, whole.logprobs);  // bit for bit
    EXPECT_EQ(newcomer.ids, other.ids);
  }
  EXPECT_GT(drops, 0);
}

// Others come and go all the time; the prompt is read all the same.
TEST_F(SchedulerTest, MakingRoomStarvesNobody) {
  options_.max_rows = 256;
  options_.step_seconds = 0;  // every pass of more than a row is a long one
  Make();
  Heard reading;
  Add(Reading(600, 2), &reading);
  std::atomic<bool> stop{false};
  std::thread callers([&] {
    while (!stop) {
      EXPECT_TRUE(scheduler_->Add(Reading(1, 0)).ok());  // ends as it begins
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
  });
  int step = 0;
  for (; !reading.end && step < 5000; ++step) scheduler_->Step();
  stop = true;
  callers.join();
  EXPECT_TRUE(reading.end) << step;
}

// A model whose experts are read from disk: each pass reads all of them.
class DiskSchedulerTest : public SchedulerTest {
 protected:
  DiskSchedulerTest() {
    options_.experts = {.bytes = 1 << 30, .keep_profile = false};
    options_.step_seconds = 1e-3;
  }
  void MakeFromDisk() {
    static const ModelFiles files =
        OpenModel(Files().directory, {.experts = ExpertsFrom::kDisk}).value();
    scheduler_ = Scheduler::Create(files.model, threads_, options_).value();
  }
  // Passes in which the request's prompt is read.
  std::size_t Passes(Request request) {
    Heard heard;
    Add(std::move(request), &heard);
    std::size_t passes = 0;
    while (!heard.end) passes += scheduler_->Step().prompt_rows > 0 ? 1 : 0;
    return passes;
  }
};

TEST_F(DiskSchedulerTest, KeepingPrefixesCostsNoPasses) {
  options_.max_rows = 1536;
  options_.keep_prefixes = true;
  MakeFromDisk();
  EXPECT_EQ(Passes(Reading(3000, 1)), 2u);
  EXPECT_EQ(scheduler_->prefix_figures().states, 2u);
  // It leaves the first one near the beginning: not worth a pass.
  Request other = Reading(1400, 1);
  for (std::size_t i = 700; i < other.tokens.size(); ++i) other.tokens[i] = 7;
  EXPECT_EQ(Passes(std::move(other)), 1u);
  // Far behind it: a state is kept there.
  other = Reading(1600, 1);
  for (std::size_t i = 1300; i < other.tokens.size(); ++i) other.tokens[i] = 8;
  EXPECT_EQ(Passes(other), 2u);
  other.tokens[1301] = 9;
  EXPECT_EQ(Passes(std::move(other)), 1u);
}

// A long pass is dropped for a newcomer; until one may be dropped again, as much time goes to
// passes that are not.
TEST_F(DiskSchedulerTest, LongPassesThatMakeRoomStarveNobody) {
  options_.max_rows = 600;
  options_.step_seconds = 0;
  MakeFromDisk();
  Heard reading;
  Add(Reading(2000, 2), &reading);  // no pass is dropped before one has been measured
  std::atomic<bool> stop{false};
  std::thread callers([&] {
    while (!stop) {
      EXPECT_TRUE(scheduler_->Add(Reading(1, 0)).ok());  // ends as it begins
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
  });
  int step = 0;
  for (; !reading.end && step < 5000; ++step) scheduler_->Step();
  stop = true;
  callers.join();
  EXPECT_TRUE(reading.end) << step;
}

// Run in CI under the thread sanitizer.
TEST_F(SchedulerTest, AnyThreadMayAddAndCancel) {
  constexpr int kThreads = 3, kEach = 4;
  std::map<int, Heard> alone;
  for (int i = 0; i < kEach; ++i) alone[i] = Run(Reading(20 + 30 * i, 4 + i));
  options_.max_rows = 40;
  options_.step_seconds = 0.01;
  Make();
  Heard heard[kThreads][kEach];
  std::atomic<int> ended{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < kThreads; ++t)
    callers.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        Request request = Listen(Reading(20 + 30 * i, 4 + i), &heard[t][i]);
        request.on_end = [&ended, tell = std::move(request.on_end)](Outcome outcome) {
          tell(std::move(outcome));
          ++ended;
        };
        const RequestId id = scheduler_->Add(std::move(request)).value();
        if (t == 0) scheduler_->Cancel(id);
        std::this_thread::yield();
      }
    });
  while (ended < kThreads * kEach)
    if (scheduler_->WaitForWork(std::chrono::milliseconds(100))) scheduler_->Step();
  for (std::thread& caller : callers) caller.join();
  for (int t = 0; t < kThreads; ++t)
    for (int i = 0; i < kEach; ++i) {
      const Heard& h = heard[t][i];
      ASSERT_TRUE(h.end);
      if (h.end->reason == FinishReason::kCancelled) {
        EXPECT_EQ(t, 0);
        ASSERT_LE(h.ids.size(), alone[i].ids.size());
        EXPECT_TRUE(std::ranges::equal(h.ids, std::span(alone[i].ids).first(h.ids.size())));
      } else {
        EXPECT_EQ(h.ids, alone[i].ids);
      }
    }
}

}  // namespace
}  // namespace hadal::engine
