// What the tests of the scheduler share: texts as they are drawn, compared bit for bit, prompts
// that grow from each other, and a drafter that knows the texts.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/random.h"
#include "engine/drafter.h"
#include "engine/scheduler.h"
#include "walker.h"

namespace hadal::tests {

struct Drawn {
  std::int32_t id = 0;
  double logprob = 0, second = 0;
  bool operator==(const Drawn& other) const {  // bits
    return id == other.id && std::memcmp(&logprob, &other.logprob, sizeof(logprob)) == 0 &&
           std::memcmp(&second, &other.second, sizeof(second)) == 0;
  }
};

struct DrawnText {
  std::vector<Drawn> tokens;
  std::optional<engine::Outcome> end;
  std::size_t cancel_at = 0;  // by its own callback, with so many tokens; 0: never
  bool keeps_state = true;    // that the request leaves
};

// The request asks for two log-probabilities.
inline engine::Request Listen(engine::Request request, DrawnText* text,
                              std::function<void()> cancel = {}) {
  request.logprobs = 2;
  request.on_token = [text, cancel](const engine::TokenEvent& event) {
    if (event.logprobs == nullptr) return;  // of an earlier request
    text->tokens.push_back(
        {event.id, event.logprobs->chosen.logprob, event.logprobs->top[1].logprob});
    if (cancel && text->tokens.size() == text->cancel_at) cancel();
  };
  request.on_end = [text](engine::Outcome outcome) {
    EXPECT_FALSE(text->end);
    EXPECT_FALSE(outcome.error) << outcome.error->what;
    if (!text->keeps_state) outcome.state.reset();
    text->end = std::move(outcome);
  };
  return request;
}

// `cancelled`: it may have been, and then has the beginning of the text.
inline void ExpectSameText(const DrawnText& got, const DrawnText& want, bool cancelled) {
  ASSERT_TRUE(got.end.has_value());
  if (cancelled && got.end->reason == engine::FinishReason::kCancelled) {
    ASSERT_LE(got.tokens.size(), want.tokens.size());
  } else {
    EXPECT_EQ(got.end->reason, want.end->reason);
    ASSERT_EQ(got.tokens.size(), want.tokens.size());
  }
  for (std::size_t i = 0; i < got.tokens.size(); ++i)
    ASSERT_EQ(got.tokens[i], want.tokens[i]) << "token " << i;
  EXPECT_EQ(got.end->generated_tokens, got.tokens.size());
}

inline Tokens RandomTokens(Random& random, std::size_t count) {
  Tokens tokens(count);
  for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(random.Below(kVocab));
  return tokens;
}

// A place in a text where things may go wrong: near a page's end as often as not.
inline std::size_t RandomPlace(Random& random, std::size_t most) {
  if (random.Below(2) == 0) return random.Below(most + 1);
  const std::size_t end = arch::kPageTokens * (1 + random.Below(most / arch::kPageTokens + 1));
  return std::min(most, end + random.Below(5) - 2);
}

// Texts that grow from each other: each leaves an earlier one somewhere and goes on otherwise.
inline std::vector<Tokens> RandomTexts(Random& random, std::size_t count, std::size_t longest) {
  std::vector<Tokens> texts{RandomTokens(random, longest)};
  while (texts.size() < count) {
    Tokens text = texts[random.Below(texts.size())];
    text.resize(RandomPlace(random, text.size()));
    const Tokens rest =
        RandomTokens(random, 1 + random.Below(longest - std::min(longest - 1, text.size())));
    text.insert(text.end(), rest.begin(), rest.end());
    texts.push_back(std::move(text));
  }
  return texts;
}

// Knows how every text goes on, and says so with some probability; else it says anything.
class TruthDrafter final : public engine::Drafter {
 public:
  TruthDrafter(std::span<const Tokens> texts, double truth, std::uint64_t seed)
      : texts_(texts), truth_(truth), random_(seed) {}

  Status Draft(std::span<engine::DraftText> asked) override {
    for (engine::DraftText& text : asked) {
      EXPECT_LT(text.sequence->tokens(), text.tokens.size());
      EXPECT_TRUE(text.most == 0 || text.sequence->tokens() + 1 == text.tokens.size());
      for (std::size_t i = 0; i < text.most; ++i)
        text.guesses.push_back(
            {.token = random_.Uniform() < truth_ ? Truth(text.tokens, i)
                                                 : static_cast<std::int32_t>(random_.Below(kVocab)),
             .evidence = static_cast<engine::Evidence>(random_.Below(engine::kEvidences))});
    }
    return Unit{};
  }

 private:
  std::int32_t Truth(std::span<const std::int32_t> tokens, std::size_t ahead) const {
    for (const Tokens& text : texts_)
      if (tokens.size() + ahead < text.size() &&
          std::ranges::equal(tokens, std::span(text).first(tokens.size())))
        return text[tokens.size() + ahead];
    return 0;
  }

  const std::span<const Tokens> texts_;
  const double truth_;
  Random random_;
};

// Any drafter, to any depth.
inline engine::SpeculateOptions RandomSpeculation(Random& random, const model::Model& model,
                                                  std::span<const Tokens> texts) {
  engine::SpeculateOptions options;
  if (random.Below(2) == 0) options.depth = 1 + random.Below(arch::kReturnTokens);
  const std::size_t kind = random.Below(6);
  if (kind < 3) {
    const double truth[] = {0, 0.7, 1};
    options.drafter = [=, seed = random.Next()] {
      return std::make_unique<TruthDrafter>(texts, truth[kind], seed);
    };
    return options;
  }
  using engine::Drafting;
  options.drafting = kind == 3 ? Drafting::kLookup : kind == 4 ? Drafting::kMtp : Drafting::kAuto;
  if (!model.mtp && options.drafting == Drafting::kMtp) options.drafting = Drafting::kLookup;
  return options;
}

}  // namespace hadal::tests
