// A request's text is its text alone: tokens and log-probabilities, bit for bit, with random others
// coming, ending and being cancelled beside it, in passes of random sizes, and with whatever is
// guessed of it: by prompt lookup, by the MTP block, by nobody, by one who is always right and by
// one who never is. On small random models.
#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <cstring>

#include "drawn_text.h"
#include "testing/sanitized.h"

namespace hadal::tests {
namespace {

using engine::Request;

Request RandomRequest(Random& random) {
  Request request;
  request.tokens.resize(1 + random.Below(random.Below(4) == 0 ? 200 : 30));
  const std::size_t vocab = random.Below(2) == 0 ? kVocab : 3;  // with something to look up
  for (std::int32_t& token : request.tokens) token = static_cast<std::int32_t>(random.Below(vocab));
  engine::SampleOptions& sample = request.sample;
  sample.seed = random.Below(3);
  sample.choice = random.Below(3);
  sample.temperature = random.Below(4) == 0 ? 0 : 0.5 + random.Uniform();
  if (random.Below(2) == 0) sample.top_p = 0.5 + random.Uniform() / 2;
  if (random.Below(2) == 0) sample.top_k = 1 + random.Below(kVocab);
  if (random.Below(3) == 0) sample.min_p = random.Uniform() / 4;
  if (random.Below(3) == 0) sample.repetition_penalty = 0.5 + random.Uniform();
  if (random.Below(3) == 0) sample.presence_penalty = random.Uniform();
  if (random.Below(3) == 0) sample.frequency_penalty = random.Uniform();
  if (random.Below(3) == 0) sample.logit_bias = {{7, 3}, {9, -3}};
  request.stop.max_tokens = random.Below(25);
  if (random.Below(2) == 0) request.stop.min_tokens = random.Below(*request.stop.max_tokens + 1);
  if (random.Below(2) == 0)
    request.stop.token_ids = {static_cast<std::int32_t>(random.Below(kVocab))};
  request.stop.ignore_eos = random.Below(2) == 0;
  return request;
}

engine::SchedulerOptions RandomOptions(Random& random) {
  engine::SchedulerOptions options;
  options.eos_ids = {1, 5};
  options.max_rows = 1 + random.Below(random.Below(2) == 0 ? 8 : 100);
  options.max_running = 1 + random.Below(6);
  options.step_seconds = random.Below(2) == 0 ? 1e-5 : 1000;
  return options;
}

DrawnText Alone(const model::Model& model, const Request& request, Random& random) {
  Threads threads(1);
  auto scheduler = engine::Scheduler::Create(model, threads, RandomOptions(random)).value();
  DrawnText text;
  HADAL_CHECK(scheduler->Add(Listen(request, &text)).ok());
  while (!text.end) scheduler->Step();
  return text;
}

// What a text left behind is the state of its tokens: whoever goes on draws what would have come.
void ExpectGoesOn(const model::Model& model, const Request& request, DrawnText& text,
                  const DrawnText& alone, Random& random) {
  if (!text.end->state || text.tokens.size() == alone.tokens.size()) return;
  Request next = request;
  next.tokens = text.end->tokens;
  next.generated = next.tokens.size() - text.end->prompt_tokens;
  next.state = std::move(text.end->state);
  ASSERT_LT(next.state->tokens(), next.tokens.size());
  const std::size_t before = next.generated;
  Threads threads(1);
  engine::SchedulerOptions options = RandomOptions(random);
  auto scheduler = engine::Scheduler::Create(model, threads, options).value();
  DrawnText rest;
  ASSERT_TRUE(scheduler->Add(Listen(std::move(next), &rest)).ok());
  while (!rest.end) scheduler->Step();
  ASSERT_EQ(before + rest.tokens.size(), alone.tokens.size());
  for (std::size_t i = 0; i < rest.tokens.size(); ++i)
    ASSERT_EQ(rest.tokens[i], alone.tokens[before + i]) << "token " << before + i;
}

struct Together {
  std::vector<Request> requests;
  std::vector<DrawnText> alone, texts;
  std::vector<bool> cancelled;
};

// Random arrivals and cancels, until all have ended.
void StepAll(engine::Scheduler& scheduler, Together& all, Random& random) {
  std::vector<engine::RequestId> ids;
  const auto all_ended = [&] {
    return std::ranges::all_of(all.texts,
                               [](const DrawnText& text) { return text.end.has_value(); });
  };
  for (int step = 0; !all_ended() && step < 100'000; ++step) {
    while (ids.size() < all.requests.size() && random.Below(3) == 0) {
      const std::size_t i = ids.size();
      ids.push_back(0);
      const auto cancel = [&scheduler, &ids, i] { scheduler.Cancel(ids[i]); };
      ids[i] = scheduler.Add(Listen(all.requests[i], &all.texts[i], cancel)).value();
    }
    if (!ids.empty() && random.Below(25) == 0) {
      const std::size_t which = random.Below(ids.size());
      scheduler.Cancel(ids[which]);
      all.cancelled[which] = true;
    }
    scheduler.Step();
  }
}

void RunTogether(const model::Model& model, std::uint64_t seed) {
  Random random(seed);
  Threads threads(1 + random.Below(2));
  Together all;
  all.requests.resize(2 + random.Below(5));
  all.texts.resize(all.requests.size());
  all.cancelled.resize(all.requests.size());
  std::vector<Tokens> truth;
  for (std::size_t i = 0; i < all.requests.size(); ++i) {
    all.requests[i] = RandomRequest(random);
    all.alone.push_back(Alone(model, all.requests[i], random));
    truth.push_back(all.alone[i].end->tokens);
    if (random.Below(4) == 0) {
      all.texts[i].cancel_at = 1 + random.Below(20);
      all.cancelled[i] = true;
    }
  }
  engine::SchedulerOptions options = RandomOptions(random);
  options.speculate = RandomSpeculation(random, model, truth);
  auto scheduler = engine::Scheduler::Create(model, threads, options).value();
  StepAll(*scheduler, all, random);
  for (std::size_t i = 0; i < all.requests.size(); ++i) {
    SCOPED_TRACE(i);
    ExpectSameText(all.texts[i], all.alone[i], all.cancelled[i]);
    if (::testing::Test::HasFatalFailure()) return;
    if (all.texts[i].cancel_at > 0) {
      EXPECT_LE(all.texts[i].tokens.size(), all.texts[i].cancel_at);
    }
    ExpectGoesOn(model, all.requests[i], all.texts[i], all.alone[i], random);
  }
  for (DrawnText& text : all.texts) text.end.reset();
  EXPECT_EQ(scheduler->pool()->used_bytes(), 0u);
}

#if defined(HADAL_SANITIZED)
constexpr std::uint64_t kSeeds = 4;
#else
constexpr std::uint64_t kSeeds = 20;
#endif

TEST(Scheduler, TextsDoNotDependOnWhoElseIsThere) {
  for (const Small which : {Small::kPlain, Small::kPublished, Small::kV32})
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      SCOPED_TRACE(fmt::format("model {} seed {}", static_cast<int>(which), seed));
      RunTogether(SmallModel(which), seed);
      if (::testing::Test::HasFatalFailure()) return;
    }
}

// A pass that ends before any of its layers, and is run again from a copy of the fixed block.
class StoppedPass : public ::testing::TestWithParam<Small> {};
INSTANTIATE_TEST_SUITE_P(Architectures, StoppedPass,
                         ::testing::Values(Small::kPublished, Small::kV32));

TEST_P(StoppedPass, CanBeRunAgain) {
  const model::Model& model = SmallModel(GetParam());
  Threads threads(2);
  model::Forward forward =
      model::Forward::Create(model, arch::Numerics::Stored(), threads, 40).value();
  auto pool = std::make_shared<cache::Pool>(forward.layout());
  Tokens tokens(290);
  for (std::size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = static_cast<std::int32_t>((i * i + 3) % kVocab);
  std::vector<float> logits[2];
  for (const bool stopping : {false, true}) {
    cache::Sequence sequence = cache::Sequence::Create(pool).value();
    ASSERT_TRUE(sequence.Reserve(tokens.size()).ok());
    for (std::size_t at = 0; at < tokens.size(); at += 29) {
      const model::Chunk chunk{&sequence.state(), std::span(tokens).subspan(at, 29)};
      const std::span<std::byte> fixed = sequence.state().fixed;
      const std::vector<std::byte> before(fixed.begin(), fixed.end());
      for (std::size_t layers = 0; stopping && layers < model.layers.size(); ++layers) {
        std::size_t left = layers;
        const Status run = forward.Run({&chunk, 1}, [&] { return left-- == 0; });
        ASSERT_FALSE(run.ok());
        EXPECT_EQ(run.error().code, Code::kCancelled);
        EXPECT_EQ(sequence.tokens(), at);
        std::ranges::copy(before, fixed.begin());
      }
      ASSERT_TRUE(forward.Run({&chunk, 1}).ok());
    }
    logits[stopping].resize(29 * kVocab);
    forward.Logits(0, View2<float>(logits[stopping].data(), 29, kVocab));
  }
  EXPECT_EQ(std::memcmp(logits[0].data(), logits[1].data(), logits[0].size() * sizeof(float)), 0);
}

}  // namespace
}  // namespace hadal::tests
