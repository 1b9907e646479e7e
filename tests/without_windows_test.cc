// A state without windows and tails: they follow, bit for bit, from reading the last tokens once
// more, if the entries that lie in its pages are read meanwhile and none is written over. The
// forward pass does write them, so it is done here token by token, and the pages are put back.
#include <gtest/gtest.h>

#include <cstring>

#include "base/random.h"
#include "walker.h"

namespace hadal {
namespace {

using arch::Numerics;
using tests::kVocab, tests::Small, tests::SmallModel, tests::Tokens;

class WithoutWindows {
 public:
  explicit WithoutWindows(const model::Model& model)
      : threads_(1),
        forward_(model::Forward::Create(model, Numerics::Stored(), threads_, 64).value()),
        whole_(cache::Sequence::Create(forward_.layout()).value()) {
    Random random(4);
    for (std::int32_t& token : tokens_) token = static_cast<std::int32_t>(random.Below(kVocab));
    Read(whole_, 64);
  }

  // Whether windows and tails come back when the last `again` tokens are read.
  bool ComesBack(std::uint64_t again) {
    cache::Sequence bare = cache::Sequence::Create(forward_.layout()).value();
    HADAL_CHECK(bare.Reserve(tokens_.size()).ok());
    bare.state().tokens = tokens_.size() - again;
    PutPagesBack(bare);
    while (bare.tokens() < tokens_.size()) {
      ReadNext(bare, 1);
      PutPagesBack(bare);
    }
    return std::memcmp(bare.state().fixed.data(), whole_.state().fixed.data(),
                       whole_.state().fixed.size()) == 0;
  }
  std::uint64_t enough() const { return forward_.layout().TokensOfFixed(); }

 private:
  void ReadNext(cache::Sequence& sequence, std::size_t most) {
    const std::size_t at = sequence.tokens(), count = std::min(most, tokens_.size() - at);
    const model::Chunk chunk{&sequence.state(), std::span(tokens_).subspan(at, count)};
    HADAL_CHECK(forward_.Run({&chunk, 1}).ok());
  }
  void Read(cache::Sequence& sequence, std::size_t chunk) {
    HADAL_CHECK(sequence.Reserve(tokens_.size()).ok());
    while (sequence.tokens() < tokens_.size()) ReadNext(sequence, chunk);
  }
  void PutPagesBack(cache::Sequence& sequence) const {
    for (std::size_t p = 0; p < whole_.state().pages.size(); ++p)
      std::memcpy(sequence.state().pages[p], whole_.state().pages[p], forward_.layout().page_bytes);
  }

  Tokens tokens_ = Tokens(707);
  Threads threads_;
  model::Forward forward_;
  cache::Sequence whole_;
};

TEST(WithoutWindows, TheLastTokensBringThemBack) {
  for (const Small which : {Small::kPlain, Small::kPublished}) {
    WithoutWindows text(SmallModel(which));
    ASSERT_LT(text.enough(), 500u);
    EXPECT_TRUE(text.ComesBack(text.enough()));
    EXPECT_FALSE(text.ComesBack(text.enough() / 2));
  }
}

}  // namespace
}  // namespace hadal
