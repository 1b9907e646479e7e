// Kept states and held experts share memory: what is worth less gives way, and both together never
// have more than there is.
#include "engine/expert_loan.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"
#include "cache/stored_texts_test.h"
#include "engine/model_files.h"
#include "engine/prefixes.h"
#include "testing/source_file.h"

namespace hadal::engine {
namespace {

using cache::Tokens;

const model::Model& DiskModel() {
  static const ModelFiles files =
      OpenModel(testing::EmbeddedFolder(), {.experts = ExpertsFrom::kDisk}).value();
  return files.model;
}

class ExpertLoanTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kTexts = 6, kOwnSlots = 16;

  // Beside what is on loan, which has room for kTexts states, there is a request's own memory.
  ExpertLoanTest() : pool_(std::make_shared<cache::Pool>(cache::Layout(), Whole() * (kTexts + 1))) {
    const std::uint64_t slot = model::ExpertPlaces::Of(DiskModel()).slot_bytes();
    experts_ = model::DiskExperts::Create(
                   DiskModel(), {.bytes = kOwnSlots * slot, .loan_bytes = kTexts * Whole()})
                   .value();
    all_ = kOwnSlots * slot + pool_->budget_bytes();
    loan_.emplace(*experts_, pool_);
    prefixes_.emplace(
        PrefixRules{.on = true}, pool_,
        [this] { return pool_->budget_bytes() - pool_->used_bytes(); }, nullptr,
        [this](std::size_t) { return prompt_seconds_; }, &*loan_);
    lent_ = loan_->lent_bytes();
  }
  static std::uint64_t Whole() {
    const arch::KvLayout layout = cache::Layout();
    return layout.fixed_bytes + arch::PagesOf(kTokens) * layout.page_bytes;
  }
  void Check() const {
    const model::DiskExpertFigures figures = experts_->figures();
    ASSERT_LE(figures.slots * figures.slot_bytes + pool_->used_bytes(), all_);
    ASSERT_GE(figures.slots, kOwnSlots);
  }

  std::unique_ptr<ActiveRequest> Asking(Tokens text, std::uint64_t promised_bytes) {
    Request request{.tokens = std::move(text)};
    request.stop.max_tokens = 1;
    return std::make_unique<ActiveRequest>(++last_id_, std::move(request), promised_bytes, nullptr,
                                           std::span<const std::int32_t>());
  }
  // A text, and like no other, has been read and has ended.
  void Read(int of) {
    Tokens text(kTokens, of);
    while (pool_->budget_bytes() - pool_->used_bytes() < Whole()) {
      ASSERT_TRUE(prefixes_->GiveWay());
      Check();
    }
    const auto request = Asking(text, Whole());
    loan_->LookedUp();
    request->GoOnFrom(cache::StateOf(pool_, text), {});
    prefixes_->Ended(*request);
    Check();
  }
  // A pass that wants two experts of each layer.
  void Pass(std::uint32_t one, std::uint32_t other) {
    const std::size_t layers = model::ExpertPlaces::Of(DiskModel()).layers();
    for (std::size_t l = 0; l < layers; ++l) {
      std::vector<std::uint32_t> wanted = {one, other};
      experts_->Announce(l, wanted);
      while (!wanted.empty()) {
        const auto held = experts_->Acquire(l, wanted, {}).value();
        for (const model::HeldExpert& expert : held) std::erase(wanted, expert.expert);
        experts_->Release(l, held);
      }
    }
    prefixes_->PassEnded();
    Check();
  }
  void AnyPass() {
    const auto one = static_cast<std::uint32_t>(random_.Below(8));
    Pass(one, (one + 1 + static_cast<std::uint32_t>(random_.Below(7))) % 8);
  }

  static constexpr std::uint64_t kTokens = 500;
  Random random_{3};
  std::shared_ptr<cache::Pool> pool_;
  std::unique_ptr<model::DiskExperts> experts_;
  std::optional<ExpertLoan> loan_;
  std::optional<Prefixes> prefixes_;
  std::uint64_t all_ = 0, lent_ = 0;  // bytes: of both together; on loan at first
  double prompt_seconds_ = 1e-3;
  RequestId last_id_ = 0;
};

TEST_F(ExpertLoanTest, StatesThatNobodyAsksForLoseToExperts) {
  for (int of = 0; of < static_cast<int>(kTexts); ++of) Read(of);
  EXPECT_EQ(prefixes_->figures().states, kTexts);
  EXPECT_LT(loan_->lent_bytes(), lent_);
  for (int round = 0; round < 400 && loan_->lent_bytes() < lent_; ++round) {
    AnyPass();
    for (int longer = 0; longer < 100; ++longer) loan_->PassEnded();
  }
  EXPECT_EQ(loan_->lent_bytes(), lent_);
  EXPECT_LT(prefixes_->figures().states, kTexts);
}

TEST_F(ExpertLoanTest, StatesThatAreAskedForTakeFromColdExperts) {
  for (int pass = 0; pass < 50; ++pass) AnyPass();
  for (int pass = 0; pass < 50; ++pass) Pass(0, 1);
  prompt_seconds_ = 1;
  for (int of = 0; of < static_cast<int>(kTexts); ++of) Read(of);
  EXPECT_EQ(prefixes_->figures().states, kTexts);
  EXPECT_LT(loan_->lent_bytes(), lent_ / 2);
  // The cold ones went.
  const model::DiskExpertFigures before = experts_->figures();
  Pass(0, 1);
  EXPECT_EQ((experts_->figures() - before).reads, 0u);
  for (int pass = 0; pass < 50; ++pass) AnyPass();
  EXPECT_EQ(prefixes_->figures().states, kTexts);
}

TEST_F(ExpertLoanTest, StatesThatAreWorthLessAreNotKept) {
  for (int pass = 0; pass < 50; ++pass) AnyPass();
  prompt_seconds_ = 1e-15;
  const std::uint64_t lent = loan_->lent_bytes();
  for (int of = 0; of < static_cast<int>(kTexts); ++of) Read(of);
  EXPECT_EQ(prefixes_->figures().states, 0u);
  EXPECT_EQ(loan_->lent_bytes(), lent);
}

TEST_F(ExpertLoanTest, RequestsComeBeforeBoth) {
  for (int pass = 0; pass < 10; ++pass) AnyPass();
  for (int of = 0; of < 3; ++of) Read(of);
  const auto large = Asking(Tokens(300, 5), Whole() * (kTexts + 1));
  ASSERT_TRUE(prefixes_->Admit(*large));
  EXPECT_EQ(loan_->lent_bytes(), 0u);
  EXPECT_EQ(pool_->used_bytes(), 0u);
  Check();
  AnyPass();
}

}  // namespace
}  // namespace hadal::engine
