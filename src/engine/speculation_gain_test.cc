// What `auto` gains, and never loses: whole texts by a clock that is told what passes, rows and
// guesses cost, with drafters that are right as often as they are told. What takes its time here
// is the real code: requests that draw, take guesses and go back, and the real choice.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/random.h"
#include "cache/filled_sequence_test.h"
#include "engine/speculation.h"

namespace hadal::engine {
namespace {

constexpr std::size_t kVocab = 16, kRoom = 64;

std::int32_t TrueToken(std::uint64_t position) {
  return static_cast<std::int32_t>(KeyedBits(1, 2, position) % (kVocab - 1));
}

// That the guess for the token at a position is right.
using Chance = std::function<double(std::size_t)>;

struct Machine {
  double row = 0.4;     // a further row's seconds, where a pass of one takes 1
  double noise = 0.1;   // passes take up to so much more, at random
  double asking = 0;    // seconds that a drafter takes
  bool telling = true;  // its evidence says how likely it is to be right
};

// Right with a chance that may change along the text.
class KnownChance final : public Drafter {
 public:
  KnownChance(Chance chance, const Machine& machine, double* clock)
      : chance_(std::move(chance)), machine_(machine), clock_(clock) {}
  Status Draft(std::span<DraftText> texts) override {
    *clock_ += machine_.asking;
    for (DraftText& text : texts)
      for (std::size_t i = 0; i < text.most; ++i) {
        const std::size_t at = text.tokens.size() + i;
        const bool right = KeyedUniform(3, 4, at) < chance_(at);
        text.guesses.push_back(
            {.token = right ? TrueToken(at) : static_cast<int>(kVocab - 1),
             .evidence = static_cast<Evidence>(machine_.telling ? chance_(at) * 7 : 0)});
      }
    return Unit{};
  }

 private:
  const Chance chance_;
  const Machine machine_;
  double* clock_;
};

class Decoding {
 public:
  explicit Decoding(const Machine& machine) : machine_(machine) {}

  void Add(Chance chance, std::size_t most) {
    drafters_.push_back(
        {.drafter = std::make_unique<KnownChance>(std::move(chance), machine_, &clock_),
         .most = most,
         .costly = machine_.asking > 0});
  }
  void Begin(bool chooses) {
    speculation_.emplace(std::move(drafters_), chooses, [this] { return clock_; });
  }

  // Seconds that texts of so many tokens take, decoded together, all of them.
  double Run(std::size_t tokens, std::size_t texts = 1) {
    const double begin = clock_;
    std::vector<std::unique_ptr<ActiveRequest>> requests;
    for (std::size_t i = 0; i < texts; ++i) {
      Request request{.tokens = {0}};
      request.sample.temperature = 0;
      request.stop.max_tokens = tokens;
      requests.push_back(
          std::make_unique<ActiveRequest>(++last_id_, std::move(request), 0, nullptr, kNoIds));
      EXPECT_TRUE(requests.back()->Admit(pool_).ok());
    }
    while (!requests.front()->ended()) Pass(requests);
    for (const auto& request : requests) speculation_->Forget(request->id());
    return clock_ - begin;
  }

 private:
  // All texts are the same, and so end together.
  void Pass(const std::vector<std::unique_ptr<ActiveRequest>>& requests) {
    std::vector<ActiveRequest*> texts;
    for (const auto& request : requests) texts.push_back(request.get());
    speculation_->Allot(texts, kRoom, costs_);
    std::size_t rows = 0;
    for (ActiveRequest* text : texts) {
      const auto chunk = text->Next(1);
      EXPECT_TRUE(chunk.ok());
      rows += chunk->tokens.size();
      chunk->sequence->tokens += chunk->tokens.size();
    }
    const double seconds = (1 + machine_.row * static_cast<double>(rows - 1)) *
                           (1 + machine_.noise * KeyedUniform(5, 6, ++passes_));
    clock_ += seconds;
    std::vector<Speculation::PassText> passed;
    for (ActiveRequest* text : texts) {
      text->Advance(1);
      do Draw(text);
      while (text->TakeGuess());
      EXPECT_TRUE(text->Settle().ok());
      if (!text->ended()) passed.push_back({text, 0, 1 + text->accepted()});
    }
    costs_.Measured({.decode = rows, .prompt = 0}, seconds);
    speculation_->Draft(passed, costs_);
  }
  void Draw(ActiveRequest* text) {
    std::vector<float> logits(kVocab, 0.0f);
    logits[static_cast<std::size_t>(TrueToken(text->tokens().size()))] = 1;
    EXPECT_TRUE(text->Draw(logits, &scratch_).ok());
  }

  // As of a model whose weights are mostly common: rows more are next to nothing to read.
  static std::vector<double> Expected() {
    std::vector<double> expected;
    for (std::size_t rows = 0; rows < DecodeCosts::kMostRows; ++rows)
      expected.push_back(1 + 0.01 * static_cast<double>(rows));
    return expected;
  }

  static constexpr std::span<const std::int32_t> kNoIds = {};
  const Machine machine_;
  double clock_ = 0;
  std::uint64_t passes_ = 0;
  RequestId last_id_ = 0;
  std::shared_ptr<cache::Pool> pool_ = std::make_shared<cache::Pool>(cache::Layout());
  RowCosts costs_{Expected()};
  SampleScratch scratch_;
  std::vector<Asked> drafters_;
  std::optional<Speculation> speculation_;
};

double Seconds(const Machine& machine, const Chance& chance, std::size_t most, bool chooses,
               std::size_t tokens, std::size_t texts = 1) {
  Decoding decoding(machine);
  if (most > 0) decoding.Add(chance, most);
  decoding.Begin(chooses);
  return decoding.Run(tokens, texts);
}

// The better of none at all, and any depth that is always tried.
double Best(const Machine& machine, const Chance& chance, std::size_t most, std::size_t tokens,
            std::size_t texts = 1) {
  double best = Seconds(machine, chance, 0, false, tokens, texts);
  for (std::size_t depth = 1; depth <= most; depth *= 2)
    best = std::min(best, Seconds(machine, chance, depth, false, tokens, texts));
  return best;
}

constexpr double kChances[] = {0, 0.1, 0.3, 0.5, 0.6, 0.75, 0.9, 1};
constexpr double kRows[] = {0.02, 0.1, 0.25, 0.4, 0.7, 1};

TEST(SpeculationGain, NeverLosesMuchInATextThatIsTheFirst) {
  for (const double asking : {0.0, 0.05, 0.25, 0.6})
    for (const double row : kRows)
      for (const double chance : kChances) {
        const Machine machine{.row = row, .asking = asking};
        const Chance same = [chance](std::size_t) { return chance; };
        for (const std::size_t tokens : {24, 200, 1000}) {
          const double off = Seconds(machine, same, 0, false, tokens);
          EXPECT_LE(Seconds(machine, same, 16, true, tokens), 1.01 * off + 1)
              << "asking " << asking << " row " << row << " chance " << chance << " tokens "
              << tokens;
        }
      }
}

TEST(SpeculationGain, ReachesWhatTheBestDepthReaches) {
  constexpr std::size_t kTokens = 10'000;
  for (const double asking : {0.0, 0.05, 0.25})
    for (const double row : kRows)
      for (const double chance : kChances) {
        const Machine machine{.row = row, .asking = asking};
        const Chance same = [chance](std::size_t) { return chance; };
        const std::size_t most = asking > 0 ? 1 : 16;
        EXPECT_LE(Seconds(machine, same, most, true, kTokens),
                  1.03 * Best(machine, same, most, kTokens))
            << "asking " << asking << " row " << row << " chance " << chance;
      }
}

// A process that serves one text after the other: what was learnt of one is there for the next.
TEST(SpeculationGain, ManyShortTextsCostNothingWhereGuessesLose) {
  const Machine machine{.row = 0.4, .asking = 0.25};
  double off = 0, chosen = 0, late = 0;
  Decoding with(machine), without(machine);
  with.Add([](std::size_t) { return 0.4; }, 1);
  with.Begin(true);
  without.Begin(false);
  for (int text = 0; text < 100; ++text) {
    off += without.Run(100);
    const double seconds = with.Run(100);
    chosen += seconds;
    if (text >= 50) late += seconds;
  }
  EXPECT_LE(chosen, 1.01 * off);
  EXPECT_LE(late, 1.003 * off / 2);
}

TEST(SpeculationGain, ATextThatBeginsToCopyGainsSoonAndStopsInTime) {
  const Chance copies = [](std::size_t at) { return at % 1000 >= 500 ? 0.97 : 0.05; };
  for (const double row : {0.1, 0.4}) {
    const Machine machine{.row = row};
    const double off = Seconds(machine, copies, 0, false, 10'000);
    const double perfect =
        0.5 * off + 0.5 * Best(
                              machine, [](std::size_t) { return 0.97; }, 16, 10'000);
    EXPECT_LE(Seconds(machine, copies, 16, true, 10'000), 1.05 * perfect) << row;
  }
}

// Evidence that means something else from now on: the account pays for what is learnt.
TEST(SpeculationGain, GuessesThatBecomeWrongLoseLittle) {
  const Chance turns = [](std::size_t at) { return at / 400 % 2 == 0 ? 1.0 : 0.0; };
  const Machine machine{.row = 0.4, .telling = false};
  EXPECT_LE(Seconds(machine, turns, 16, true, 4000),
            0.95 * Seconds(machine, turns, 0, false, 4000));  // half of it is right
}

TEST(SpeculationGain, TextsTogetherGainAndLoseAsAlone) {
  for (const double row : {0.05, 0.4})
    for (const double chance : {0.1, 0.5, 0.95}) {
      const Machine machine{.row = row};
      const Chance same = [chance](std::size_t) { return chance; };
      const double off = Seconds(machine, same, 0, false, 6000, 6);
      const double chosen = Seconds(machine, same, 16, true, 6000, 6);
      EXPECT_LE(chosen, 1.01 * off) << row << " " << chance;
      EXPECT_LE(chosen, 1.08 * Best(machine, same, 16, 6000, 6)) << row << " " << chance;
    }
}

}  // namespace
}  // namespace hadal::engine
