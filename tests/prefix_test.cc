// Texts that go on from kept states of other texts are, bit for bit, what they are read from their
// beginning: logits and the MTP block's, tokens and log-probabilities; whatever was kept, dropped,
// forked and cancelled before, on small random models of both architectures.
#include <gtest/gtest.h>

#include <map>

#include "cache/prefix_cache.h"
#include "cost/engine_memory.h"
#include "drawn_text.h"
#include "testing/close.h"
#include "testing/sanitized.h"

namespace hadal::tests {
namespace {

using cache::PrefixCache, cache::PrefixTree, cache::PrefixUse, cache::Sequence;

#if defined(HADAL_SANITIZED)
constexpr int kRounds = 12, kSeeds = 2;
constexpr bool kEnough = false;  // of them, to say how often something is found
#else
constexpr int kRounds = 60, kSeeds = 6;
constexpr bool kEnough = true;
#endif

constexpr Small kModels[] = {Small::kPlain, Small::kPublished, Small::kV32};

// Reads a text on from what a cache has of it, keeps states on the way, and compares every logit.
class Reader {
 public:
  Reader(const model::Model& model, Random& random, std::uint64_t budget, bool mtp)
      : model_(model),
        random_(random),
        threads_(1),
        forward_(model::Forward::Create(model, arch::Numerics::Stored(), threads_, 200).value()),
        pool_(std::make_shared<cache::Pool>(forward_.layout())),
        cache_(pool_, [this, budget] { return budget - std::min(budget, pool_->used_bytes()); }),
        mtp_(mtp) {}

  void Read(const Tokens& text) {
    const auto [known, fresh] = fresh_.try_emplace(text);
    if (fresh) known->second = InOnePiece(model_, arch::Numerics::Stored(), text);
    const Logits& want = known->second;
    PrefixUse use;
    const PrefixTree::Match match = cache_.Find(0, text);
    auto taken = cache_.Take(match, text, random_.Below(8) == 0, &use);
    Sequence sequence = taken ? std::move(*taken) : Sequence::Create(pool_).value();
    ASSERT_EQ(sequence.tokens(), use.cached);
    ASSERT_LT(use.cached, text.size());
    ASSERT_TRUE(sequence.Reserve(text.size() - sequence.tokens()).ok());
    // Some stop before the end, as cancelled requests do.
    const std::size_t end = random_.Below(4) == 0 ? RandomPlace(random_, text.size()) : text.size();
    while (sequence.tokens() < end) {
      ReadChunk(text, want, end, &sequence);
      if (::testing::Test::HasFailure()) return;
      const std::size_t at = sequence.tokens();
      if (at % arch::kPageTokens == 0 || at == text.size() || random_.Below(4) == 0)
        cache_.Keep(0, std::span(text).first(at), sequence);
    }
    if (random_.Below(3) == 0) cache_.DropLeast();
  }
  cache::PrefixFigures figures() const { return cache_.figures(); }

 private:
  void ReadChunk(const Tokens& text, const Logits& want, std::size_t end, Sequence* sequence) {
    const std::size_t at = sequence->tokens(),
                      next_page = arch::kPageTokens - at % arch::kPageTokens;
    std::size_t count = std::min({end - at, 1 + random_.Below(200), forward_.max_tokens()});
    if (random_.Below(2) == 0) count = std::min(count, next_page);
    const model::Chunk chunk{&sequence->state(), std::span(text).subspan(at, count)};
    ASSERT_TRUE(forward_.Run({&chunk, 1}).ok());
    std::vector<float> logits(kVocab);
    const auto expect = [&](const std::vector<float>& rows, std::size_t row, const char* what) {
      EXPECT_TRUE(testing::SameBits(logits, std::span(rows).subspan(row * kVocab, kVocab)))
          << what << " of position " << row;
    };
    for (std::size_t i = 0; i < count; ++i) {
      forward_.Logits(i, logits);
      expect(want.main, at + i, "logits");
    }
    const std::size_t pairs = std::min(count, text.size() - 1 - at);
    if (!mtp_ || pairs == 0) return;
    const auto followers = std::span(text).subspan(at + 1, pairs);
    ASSERT_TRUE(forward_.RunMtp(sequence->state(), 0, followers).ok());
    for (std::size_t i = 0; i < pairs; ++i) {
      forward_.MtpLogits(i, logits);
      expect(want.mtp, at + i, "MTP logits");
    }
  }

  const model::Model& model_;
  Random& random_;
  Threads threads_;
  model::Forward forward_;
  std::shared_ptr<cache::Pool> pool_;
  PrefixCache cache_;
  const bool mtp_;
  std::map<Tokens, Logits> fresh_;  // texts read from their beginning
};

TEST(Prefix, StatesThatAreGoneOnFromGiveTheBitsOfAFreshText) {
  for (const Small which : kModels)
    for (const bool mtp : {false, true}) {
      SCOPED_TRACE(fmt::format("model {}, {}", static_cast<int>(which), mtp ? "MTP" : "no MTP"));
      Random random(5 + mtp);
      const model::Model& model = SmallModel(which);
      const arch::KvLayout layout(model.config, arch::Numerics::Stored());
      const std::uint64_t budget = cost::AllocatedState(model.config, layout, 500).total() * 6;
      Reader reader(model, random, budget, mtp);
      const std::vector<Tokens> texts = RandomTexts(random, 12, 450);
      for (int round = 0; round < kRounds; ++round) {
        SCOPED_TRACE(round);
        reader.Read(texts[random.Below(texts.size())]);
        if (::testing::Test::HasFailure()) return;
      }
      if (!kEnough) continue;
      const cache::PrefixFigures figures = reader.figures();
      EXPECT_GT(figures.hits, static_cast<std::uint64_t>(kRounds) / 3);
      EXPECT_GT(figures.dropped, static_cast<std::uint64_t>(kRounds) / 6);
      EXPECT_GT(figures.cached_tokens, figures.tokens / 4);
    }
}

engine::Request RandomRequest(Random& random, Tokens prompt) {
  engine::Request request{.tokens = std::move(prompt)};
  request.sample.seed = random.Below(3);
  request.sample.temperature = random.Below(2) == 0 ? 0 : 1;
  request.stop.max_tokens = random.Below(30);
  request.stop.ignore_eos = true;
  for (std::uint64_t end = 180 + random.Below(100); end < 500; end += 1 + random.Below(100))
    request.turn_ends.push_back(end);
  return request;
}

DrawnText Alone(const model::Model& model, const engine::Request& request) {
  Threads threads(1);
  auto scheduler = engine::Scheduler::Create(model, threads, {.max_rows = 200}).value();
  DrawnText text;
  HADAL_CHECK(scheduler->Add(Listen(request, &text)).ok());
  while (!text.end) scheduler->Step();
  return text;
}

// Requests whose prompts grow from each other, some at once, some cancelled, in little memory.
void Serve(const model::Model& model, std::uint64_t seed, cache::PrefixFigures* all) {
  Random random(seed);
  Threads threads(1);
  const arch::KvLayout layout(model.config, arch::Numerics::Stored());
  engine::SchedulerOptions options;
  options.max_rows = 20 + random.Below(200);
  options.max_running = 1 + random.Below(3);
  options.step_seconds = random.Below(2) == 0 ? 1e-5 : 1000;
  options.keep_prefixes = true;
  options.state_bytes =
      cost::AllocatedState(model.config, layout, 400).total() * (1 + random.Below(5));
  auto scheduler = engine::Scheduler::Create(model, threads, options).value();
  const std::vector<Tokens> prompts = RandomTexts(random, 6, 300);
  constexpr std::size_t kRequests = 20;
  std::vector<engine::Request> requests;
  for (std::size_t i = 0; i < kRequests; ++i)
    requests.push_back(RandomRequest(random, prompts[random.Below(prompts.size())]));
  std::vector<DrawnText> texts(kRequests);
  for (DrawnText& text : texts) text.keeps_state = false;
  std::vector<engine::RequestId> ids;
  const auto ended = [&] {
    return std::ranges::count_if(texts, [](const DrawnText& text) { return text.end.has_value(); });
  };
  for (int step = 0; ended() < static_cast<int>(kRequests); ++step) {
    ASSERT_LT(step, 100'000);
    const std::size_t under_way = ids.size() - static_cast<std::size_t>(ended());
    if (ids.size() < kRequests && under_way < 1 + random.Below(4))
      ids.push_back(scheduler->Add(Listen(requests[ids.size()], &texts[ids.size()])).value());
    if (random.Below(30) == 0) scheduler->Cancel(ids[random.Below(ids.size())]);
    scheduler->Step();
    ASSERT_LE(scheduler->pool()->used_bytes(), options.state_bytes);
  }
  for (std::size_t i = 0; i < kRequests; ++i) {
    SCOPED_TRACE(fmt::format("request {} of {} tokens", i, requests[i].tokens.size()));
    ExpectSameText(texts[i], Alone(model, requests[i]), true);
    if (::testing::Test::HasFatalFailure()) return;
  }
  const cache::PrefixFigures figures = scheduler->prefix_figures();
  all->hits += figures.hits;
  all->lookups += figures.lookups;
  all->dropped += figures.dropped;
}

TEST(Prefix, TextsDoNotDependOnWhatIsKept) {
  for (const Small which : kModels) {
    cache::PrefixFigures all;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      SCOPED_TRACE(fmt::format("model {} seed {}", static_cast<int>(which), seed));
      Serve(SmallModel(which), seed, &all);
      if (::testing::Test::HasFatalFailure()) return;
    }
    if (!kEnough) continue;
    EXPECT_GT(all.hits, all.lookups / 5);
    EXPECT_GT(all.dropped, 0u);
  }
}

}  // namespace
}  // namespace hadal::tests
