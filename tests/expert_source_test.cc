// Where routed experts' weights come from, and when, changes no bit: a source that hands out
// copies, late and in random order, few at a time, and takes them away again.
#include "model/expert_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "base/random.h"
#include "model/expert_runner.h"
#include "testing/close.h"
#include "walker.h"

namespace hadal {
namespace {

using arch::Numerics;
using model::Expert;
using model::HeldExpert;
using tests::InOnePiece, tests::kVocab, tests::Logits, tests::Small, tests::SmallModel,
    tests::Tokens, tests::Walker;

// One expert's matrices in memory of their own, which is overwritten when it is given back.
class Copy {
 public:
  explicit Copy(const Expert& original) : expert_(original) {
    for (model::Weight* weight : {&expert_.w1, &expert_.w2, &expert_.w3}) {
      weight->codes = Keep(weight->codes, CodeBytes(weight->format, weight->rows, weight->cols));
      weight->scales = Keep(weight->scales, ScaleBytes(weight->format, weight->rows, weight->cols));
    }
  }
  ~Copy() {
    for (auto& bytes : kept_) std::ranges::fill(bytes, std::byte{0x55});
  }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  const Expert& expert() const { return expert_; }

 private:
  const std::byte* Keep(const std::byte* from, std::size_t bytes) {
    if (from == nullptr) return nullptr;
    kept_.emplace_back(from, from + bytes);
    return kept_.back().data();
  }

  Expert expert_;
  std::vector<std::vector<std::byte>> kept_;
};

class LateCopies final : public model::ExpertSource {
 public:
  LateCopies(const model::Model& model, std::uint64_t seed) : model_(model), random_(seed) {}

  void Announce(std::size_t layer, std::span<const std::uint32_t> experts) override {
    announced_ = {layer, std::set<std::uint32_t>(experts.begin(), experts.end())};
  }
  Result<std::vector<HeldExpert>> Acquire(std::size_t layer, std::span<const std::uint32_t> wanted,
                                          const model::Stop& /*stop*/) override {
    if (failing_) return Fail(Code::kIo, "experts.bin: byte 12: cannot be read");
    EXPECT_TRUE(held_.empty()) << "acquired before the others were released";
    EXPECT_EQ(announced_.first, layer);
    std::vector<std::uint32_t> order(wanted.begin(), wanted.end());
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_.Below(i)]);
    order.resize(1 + random_.Below(order.size()));
    std::vector<HeldExpert> held;
    for (const std::uint32_t expert : order) {
      EXPECT_TRUE(announced_.second.contains(expert));
      const auto& original = model_.LayerAt(layer).ffn.experts[expert];
      const auto [copy, made] = held_.emplace(expert, std::make_unique<Copy>(original));
      EXPECT_TRUE(made) << "acquired twice";
      held.push_back({expert, copy->second->expert()});
    }
    ++times_;
    return held;
  }
  void Release(std::size_t, std::span<const HeldExpert> experts) noexcept override {
    for (const HeldExpert& held : experts) EXPECT_EQ(held_.erase(held.expert), 1u);
  }

  void Break() { failing_ = true; }
  std::size_t times() const { return times_; }

 private:
  const model::Model& model_;
  Random random_;
  std::pair<std::size_t, std::set<std::uint32_t>> announced_;
  std::map<std::uint32_t, std::unique_ptr<Copy>> held_;
  std::size_t times_ = 0;
  bool failing_ = false;
};

Tokens SomeTokens(std::size_t count) {
  Tokens tokens(count);
  Random random(count);
  for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(random.Below(kVocab));
  return tokens;
}

Logits Through(model::ExpertSource& source, const model::Model& model, const Numerics& numerics,
               const Tokens& tokens, std::size_t chunk) {
  Threads threads(2);
  model::LocalExpertRunner runner(source);
  auto forward = model::Forward::Create(model, numerics, threads, chunk, &runner).value();
  Walker walker(forward.layout(), tokens);
  while (walker.left() > 0) {
    const model::Chunk next = walker.Next(chunk);
    HADAL_CHECK(forward.Run({&next, 1}).ok());
    walker.Collect(forward, 0);
  }
  return walker.logits();
}

TEST(ExpertSource, CopiesThatComeLateAndInAnyOrderChangeNothing) {
  for (const Small which :
       {Small::kPlain, Small::kPublished, Small::kV32, Small::kV32ExactScales}) {
    const model::Model& model = SmallModel(which);
    for (const Numerics& numerics : {Numerics::Stored(), Numerics::F32(), Numerics::F32q()}) {
      // Alone, in a few rows, and in more rows than a part of the experts' work has.
      for (const auto& [count, chunk] : {std::pair{9u, 1u}, {40u, 7u}, {700u, 700u}}) {
        const Tokens tokens = SomeTokens(count);
        const Logits want = InOnePiece(model, numerics, tokens);
        LateCopies source(model, count);
        const Logits got = Through(source, model, numerics, tokens, chunk);
        EXPECT_TRUE(testing::SameBits(got.main, want.main))
            << static_cast<int>(which) << " " << count;
        EXPECT_TRUE(testing::SameBits(got.mtp, want.mtp))
            << static_cast<int>(which) << " " << count;
        EXPECT_GT(source.times(), model.layers.size() * count / chunk);  // not all at once
      }
    }
  }
}

TEST(ExpertSource, WhatCannotBeReadEndsThePassWithItsError) {
  for (const Small which : {Small::kPublished, Small::kV32}) {
    const model::Model& model = SmallModel(which);
    LateCopies source(model, 1);
    source.Break();
    Threads threads(1);
    model::LocalExpertRunner runner(source);
    auto forward = model::Forward::Create(model, Numerics::Stored(), threads, 4, &runner).value();
    const Tokens tokens = SomeTokens(4);
    Walker walker(forward.layout(), tokens);
    const model::Chunk chunk = walker.Next(4);
    const Status done = forward.Run({&chunk, 1});
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().what, "experts.bin: byte 12: cannot be read");
    EXPECT_EQ(walker.position(), 0u);
  }
}

// Hears what is guessed, and has nothing.
class Guesses final : public model::ExpertSource {
 public:
  void Announce(std::size_t, std::span<const std::uint32_t>) override {}
  void Guess(std::size_t layer, std::span<const std::uint32_t> experts) override {
    heard[layer].insert(experts.begin(), experts.end());
  }
  Result<std::vector<HeldExpert>> Acquire(std::size_t, std::span<const std::uint32_t>,
                                          const model::Stop& /*stop*/) override {
    return Error{Code::kIo, "nothing"};
  }
  bool WantsGuesses() const override { return true; }
  void Release(std::size_t, std::span<const HeldExpert>) noexcept override {}

  std::map<std::size_t, std::set<std::uint32_t>> heard;
};

// What a table of the layer says of a token is known before the token has come.
TEST(ExpertSource, ExpertsOfGuessedTokensAreGuessedWhereTheTokenSaysThem) {
  const model::Model& model = SmallModel(Small::kPublished);
  Guesses source;
  model::LocalExpertRunner runner(source);
  Threads threads(1);
  auto forward = model::Forward::Create(model, Numerics::Stored(), threads, 4, &runner).value();
  const Tokens tokens = {3, 17, 3};
  forward.AnnounceTokens(tokens);
  std::map<std::size_t, std::set<std::uint32_t>> want;
  const std::size_t k = model.config.num_experts_per_tok;
  for (std::size_t layer = 0; layer < model.layers.size(); ++layer) {
    const std::vector<std::uint32_t>& table = model.layers[layer].ffn.tid2eid;
    for (const std::int32_t token : tokens)
      for (std::size_t i = 0; i < k && !table.empty(); ++i)
        want[layer].insert(table[static_cast<std::size_t>(token) * k + i]);
  }
  ASSERT_FALSE(want.empty());
  EXPECT_EQ(source.heard, want);
  source.heard.clear();
  forward.AnnounceTokens({});
  EXPECT_TRUE(source.heard.empty());
}

}  // namespace
}  // namespace hadal
