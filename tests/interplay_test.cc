// Everything at once: prompts that grow from each other and go on from kept states, guesses of any
// drafter, experts that are read from disk into little memory, random arrivals, cancels, stops and
// goings-on with the states that were left, in little memory for states. Each text is, bit for bit,
// the one that it is alone, on a mapped model, without any of that.
#include <gtest/gtest.h>

#include "cost/engine_memory.h"
#include "drawn_text.h"
#include "engine/disk_cache.h"
#include "model/expert_places.h"
#include "model/expert_source.h"
#include "testing/sanitized.h"

namespace hadal::tests {
namespace {

using engine::Request, engine::Scheduler;

#if defined(HADAL_SANITIZED)
constexpr std::uint64_t kSeeds = 2;
constexpr bool kEnough = false;  // of them, to say how often something happens
#else
constexpr std::uint64_t kSeeds = 12;
constexpr bool kEnough = true;
#endif
constexpr std::size_t kRequests = 16;

struct Counts {
  std::uint64_t hits = 0, dropped = 0, accepted = 0, rejected = 0, reads = 0, gone_on = 0,
                restored = 0, given_back = 0, taken = 0;
};

DrawnText Alone(const model::Model& model, const Request& request) {
  Threads threads(1);
  auto scheduler = Scheduler::Create(model, threads, {.max_rows = 200}).value();
  DrawnText text;
  text.keeps_state = false;
  HADAL_CHECK(scheduler->Add(Listen(request, &text)).ok());
  while (!text.end) scheduler->Step();
  return text;
}

Request RandomRequest(Random& random, Tokens prompt) {
  Request request{.tokens = std::move(prompt)};
  request.sample.seed = random.Below(3);
  request.sample.temperature = random.Below(2) == 0 ? 0 : 1;
  request.prefix_scope = random.Below(4) == 0 ? 1 : 0;
  request.stop.max_tokens = random.Below(40);
  request.stop.ignore_eos = true;
  return request;
}

// A text that is stopped now and then, and goes on with the state that it left, or without.
struct Going {
  Request request;
  DrawnText alone, text;
  std::vector<Drawn> before;  // drawn by earlier requests of it
  engine::RequestId id = 0;
  bool stopping = false, over = false;
};

class Interplay {
 public:
  // kept: null, or where states outlive the run.
  Interplay(const model::Model& mapped, const model::Model& disk,
            std::shared_ptr<cache::DiskPrefixes> kept, std::uint64_t seed)
      : random_(seed), disk_(disk), threads_(1 + random_.Below(2)), texts_(kRequests) {
    const std::vector<Tokens> prompts = RandomTexts(random_, 6, 300);
    for (Going& one : texts_) {
      one.request = RandomRequest(random_, prompts[random_.Below(prompts.size())]);
      one.alone = Alone(mapped, one.request);
      truth_.push_back(one.alone.end->tokens);
    }
    Make(std::move(kept));
  }

  void Run(Counts* counts) {
    for (int step = 0; Over() < kRequests; ++step) {
      ASSERT_LT(step, 100'000);
      while (begun_ < kRequests && begun_ - Over() < 1 + random_.Below(4)) {
        Going& one = texts_[begun_++];
        Begin(one, one.request);
      }
      if (random_.Below(12) == 0) Stop(texts_[random_.Below(begun_)]);
      Step(counts);
      for (std::size_t i = 0; i < begun_; ++i) GoOn(texts_[i], counts);
      if (::testing::Test::HasFatalFailure()) return;
    }
    const cache::PrefixFigures figures = scheduler_->prefix_figures();
    counts->hits += figures.hits;
    counts->dropped += figures.dropped;
    counts->reads += scheduler_->expert_figures()->reads;
    counts->restored += figures.disk_tokens;
  }

 private:
  void Make(std::shared_ptr<cache::DiskPrefixes> kept) {
    const arch::KvLayout layout(disk_.config, arch::Numerics::Stored());
    engine::SchedulerOptions options;
    options.max_rows = 20 + random_.Below(200);
    options.max_running = 1 + random_.Below(3);
    options.step_seconds = random_.Below(2) == 0 ? 1e-5 : 1000;
    options.keep_prefixes = true;
    options.disk = std::move(kept);
    options.full_windows = random_.Below(2) == 0;
    options.state_bytes =
        cost::AllocatedState(disk_.config, layout, 400).total() * (2 + random_.Below(8));
    const std::uint64_t slot = model::ExpertPlaces::Of(disk_).slot_bytes();
    options.experts = {.bytes = slot * (1 + random_.Below(9)),
                       .loan_bytes = std::min(slot * random_.Below(9), options.state_bytes),
                       .keep_profile = false};
    options.speculate = RandomSpeculation(random_, disk_, truth_);
    limit_ = options.state_bytes + options.experts.bytes;
    scheduler_ = Scheduler::Create(disk_, threads_, options).value();
    slots_ = scheduler_->expert_figures()->slots;
  }
  std::size_t Over() const {
    return static_cast<std::size_t>(std::ranges::count_if(texts_, &Going::over));
  }
  void Begin(Going& one, Request request) {
    one.text = {};
    one.id = scheduler_->Add(Listen(std::move(request), &one.text)).value();
  }
  void Stop(Going& one) {
    if (one.over) return;
    one.stopping = true;
    scheduler_->Cancel(one.id);
  }
  void Step(Counts* counts) {
    const engine::StepReport report = scheduler_->Step();
    const model::DiskExpertFigures experts = *scheduler_->expert_figures();
    EXPECT_LE(scheduler_->pool()->used_bytes() + experts.slots * experts.slot_bytes, limit_);
    counts->given_back += experts.slots < slots_ ? 1 : 0;
    counts->taken += experts.slots > slots_ ? 1 : 0;
    slots_ = experts.slots;
    counts->rejected += report.drafts.tried - report.drafts.accepted;
    counts->accepted += report.drafts.accepted;
  }
  // An ended text is as it should be; one that was stopped goes on, or is over.
  void GoOn(Going& one, Counts* counts) {
    if (one.over || !one.text.end) return;
    one.before.insert(one.before.end(), one.text.tokens.begin(), one.text.tokens.end());
    const bool stopped = one.text.end->reason == engine::FinishReason::kCancelled;
    ASSERT_LE(one.before.size(), one.alone.tokens.size());
    if (!stopped) {
      ASSERT_EQ(one.before.size(), one.alone.tokens.size());
    }
    for (std::size_t i = 0; i < one.before.size(); ++i)
      ASSERT_EQ(one.before[i], one.alone.tokens[i]) << "token " << i;
    if (!stopped || random_.Below(3) == 0) {
      one.over = true;
      one.text.end.reset();
      return;
    }
    Request next = one.request;
    next.tokens = one.text.end->tokens;
    next.generated = next.tokens.size() - one.text.end->prompt_tokens;
    if (random_.Below(3) > 0) next.state = std::move(one.text.end->state);
    ++counts->gone_on;
    Begin(one, std::move(next));
  }

  Random random_;
  const model::Model& disk_;
  Threads threads_;
  std::vector<Going> texts_;
  std::vector<Tokens> truth_;
  std::unique_ptr<Scheduler> scheduler_;
  std::uint64_t limit_ = 0;  // bytes of states and experts
  std::uint64_t slots_ = 0;  // of experts, behind the last step
  std::size_t begun_ = 0;
};

model::Model OpenOnDisk(const std::string& path) {
  auto checkpoint = io::Checkpoint::OpenUnmapped(path, model::DenseWeights());
  HADAL_CHECK(checkpoint.ok());
  return model::Model::Load(std::move(*checkpoint)).value();
}

class InterplayTest : public ::testing::TestWithParam<Small> {};
INSTANTIATE_TEST_SUITE_P(Architectures, InterplayTest,
                         ::testing::Values(Small::kPublished, Small::kV32));

TEST_P(InterplayTest, TextsAreThoseAlone) {
  testing::TempFolder folder;
  ASSERT_TRUE(WriteSmall(GetParam(), folder.path()).ok());
  const model::Model disk = OpenOnDisk(folder.path());
  Counts counts;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(fmt::format("model {} seed {}", static_cast<int>(GetParam()), seed));
    Interplay(SmallModel(GetParam()), disk, nullptr, seed).Run(&counts);
    if (::testing::Test::HasFailure()) return;
  }
  if (!kEnough) return;
  EXPECT_GT(counts.hits, kSeeds * 2);
  EXPECT_GT(counts.dropped, kSeeds);
  EXPECT_GT(counts.accepted, kSeeds * 5);
  EXPECT_GT(counts.rejected, kSeeds * 5);
  EXPECT_GT(counts.reads, kSeeds * 100);
  EXPECT_GT(counts.gone_on, kSeeds);
  EXPECT_GT(counts.given_back, 0u);
  EXPECT_GT(counts.taken, 0u);
}

// Runs that end and begin again, with what the earlier ones left on disk: as much as there is room
// for, and now and then less.
TEST_P(InterplayTest, TextsAreThoseAloneBehindARestart) {
  testing::TempFolder folder, kept;
  ASSERT_TRUE(WriteSmall(GetParam(), folder.path()).ok());
  const model::Model disk = OpenOnDisk(folder.path());
  Counts counts;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed)
    for (const int run : {1, 2}) {
      SCOPED_TRACE(fmt::format("model {} seed {} run {}", static_cast<int>(GetParam()), seed, run));
      const std::uint64_t limit = seed % 3 == 0 ? 3'000'000 : 100'000'000;
      auto states =
          engine::OpenDiskCache(disk, "small",
                                {.folder = kept.File("c"),
                                 .limit_bytes = limit,
                                 .even_if_slower = true,
                                 .on_note = [](std::string_view note) { ADD_FAILURE() << note; }});
      ASSERT_TRUE(states.ok()) << states.error().what;
      Interplay(SmallModel(GetParam()), disk, std::move(*states), seed).Run(&counts);
      if (::testing::Test::HasFailure()) return;
    }
  if (kEnough) {
    EXPECT_GT(counts.restored, kSeeds * 500);
  }
}

}  // namespace
}  // namespace hadal::tests
