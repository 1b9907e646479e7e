// A request's text is its text alone: tokens and log-probabilities, bit for bit, with random others
// coming, ending and being cancelled beside it, in passes of random sizes, on small random models.
#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/random.h"
#include "walker.h"

namespace hadal::tests {
namespace {

using engine::Request;

struct Drawn {
  std::int32_t id = 0;
  double logprob = 0, second = 0;
  bool operator==(const Drawn& other) const {  // bits
    return id == other.id && std::memcmp(&logprob, &other.logprob, sizeof(logprob)) == 0 &&
           std::memcmp(&second, &other.second, sizeof(second)) == 0;
  }
};

struct Text {
  std::vector<Drawn> tokens;
  std::optional<engine::FinishReason> end;
};

Request RandomRequest(Random& random) {
  Request request;
  request.tokens.resize(1 + random.Below(random.Below(4) == 0 ? 200 : 30));
  for (std::int32_t& token : request.tokens)
    token = static_cast<std::int32_t>(random.Below(kVocab));
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
  request.logprobs = 2;
  return request;
}

Request Listen(Request request, Text* text) {
  request.on_token = [text](const engine::TokenEvent& event) {
    text->tokens.push_back(
        {event.id, event.logprobs->chosen.logprob, event.logprobs->top[1].logprob});
  };
  request.on_end = [text](const engine::Outcome& outcome) {
    EXPECT_FALSE(text->end);
    EXPECT_FALSE(outcome.error) << outcome.error->what;
    text->end = outcome.reason;
  };
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

Text Alone(const model::Model& model, const Request& request, Random& random) {
  Threads threads(1);
  auto scheduler = engine::Scheduler::Create(model, threads, RandomOptions(random)).value();
  Text text;
  HADAL_CHECK(scheduler->Add(Listen(request, &text)).ok());
  while (!text.end) scheduler->Step();
  return text;
}

void ExpectSame(const Text& together, const Text& alone, bool cancelled) {
  ASSERT_TRUE(together.end.has_value());
  if (cancelled && *together.end == engine::FinishReason::kCancelled) {
    ASSERT_LE(together.tokens.size(), alone.tokens.size());
    for (std::size_t i = 0; i < together.tokens.size(); ++i)
      ASSERT_EQ(together.tokens[i], alone.tokens[i]) << "token " << i;
    return;
  }
  EXPECT_EQ(*together.end, *alone.end);
  ASSERT_EQ(together.tokens.size(), alone.tokens.size());
  for (std::size_t i = 0; i < alone.tokens.size(); ++i)
    ASSERT_EQ(together.tokens[i], alone.tokens[i]) << "token " << i;
}

void RunTogether(const model::Model& model, std::uint64_t seed) {
  Random random(seed);
  Threads threads(1 + random.Below(2));
  std::vector<Request> requests(2 + random.Below(5));
  for (Request& request : requests) request = RandomRequest(random);
  std::vector<Text> texts(requests.size());
  std::vector<bool> cancelled(requests.size());
  auto scheduler = engine::Scheduler::Create(model, threads, RandomOptions(random)).value();
  std::vector<engine::RequestId> ids;
  const auto all_ended = [&] {
    return std::ranges::all_of(texts, [](const Text& text) { return text.end.has_value(); });
  };
  for (int step = 0; !all_ended() && step < 100'000; ++step) {
    while (ids.size() < requests.size() && random.Below(3) == 0)
      ids.push_back(scheduler->Add(Listen(requests[ids.size()], &texts[ids.size()])).value());
    if (!ids.empty() && random.Below(25) == 0) {
      const std::size_t which = random.Below(ids.size());
      scheduler->Cancel(ids[which]);
      cancelled[which] = true;
    }
    scheduler->Step();
  }
  EXPECT_EQ(scheduler->pool()->used_bytes(), 0u);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    SCOPED_TRACE(i);
    ExpectSame(texts[i], Alone(model, requests[i], random), cancelled[i]);
  }
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kSeeds = 2;
#else
constexpr std::uint64_t kSeeds = 6;
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
TEST(Forward, APassThatWasStoppedCanBeRunAgain) {
  const model::Model& model = SmallModel(Small::kPublished);
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
