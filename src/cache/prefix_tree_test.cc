#include "cache/prefix_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <utility>

#include "arch/shapes.h"
#include "base/random.h"
#include "cache/filled_sequence_test.h"

namespace hadal::cache {
namespace {

using Tokens = std::vector<std::int32_t>;

// Of a model that never forgets: small pages, no rings.
arch::KvLayout LayoutOfPages() {
  arch::KvLayout layout = Layout();
  layout.fixed_bytes = 0;
  return layout;
}

Sequence At(const std::shared_ptr<Pool>& pool, std::size_t tokens) {
  Sequence sequence = Sequence::Create(pool).value();
  HADAL_CHECK(sequence.Reserve(tokens).ok());
  sequence.state().tokens = tokens;
  return sequence;
}

std::size_t Common(TokenSpan a, TokenSpan b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

// A text of few different tokens, so that texts share beginnings; around the ends of pages.
Tokens RandomText(Random& random, const Tokens& base) {
  Tokens text(base.begin(), base.begin() + static_cast<std::ptrdiff_t>(random.Below(base.size())));
  const std::size_t more = random.Below(4) == 0 ? 130 + random.Below(10) : random.Below(5);
  for (std::size_t i = 0; i < more; ++i) text.push_back(static_cast<std::int32_t>(random.Below(2)));
  if (text.empty()) text.push_back(0);
  return text;
}

struct Listed {
  Tokens text;
  std::uint64_t scope;
  KeptState* state;
};

// What the tree says, found by looking at everything.
PrefixTree::Match Expected(const std::list<Listed>& all, std::uint64_t scope, TokenSpan text,
                           bool forgets) {
  PrefixTree::Match match;
  for (const Listed& one : all) {
    if (one.scope != scope) continue;
    const std::uint64_t common = Common(one.text, text);
    match.common = std::max(match.common, common);
    const std::uint64_t usable = std::min<std::uint64_t>(common, text.size() - 1);
    const bool far = usable < one.text.size() && usable + arch::kReturnTokens < one.text.size();
    if (!(forgets && far)) match.usable = std::max(match.usable, usable);
  }
  return match;
}

void CompareWithAList(const arch::KvLayout& layout, std::uint64_t seed) {
  Random random(seed);
  const auto pool = std::make_shared<Pool>(layout);
  PrefixTree tree(layout);
  std::list<Listed> all;
  Tokens base(300);
  for (std::int32_t& token : base) token = static_cast<std::int32_t>(random.Below(2));
  for (int step = 0; step < 400; ++step) {
    const Tokens text = RandomText(random, base);
    const std::uint64_t scope = random.Below(3) == 0 ? 1 : 0;
    const PrefixTree::Match found = tree.Find(scope, text);
    const PrefixTree::Match want = Expected(all, scope, text, layout.forgets());
    ASSERT_EQ(found.usable, want.usable) << "step " << step << ", " << text.size() << " tokens";
    ASSERT_EQ(found.common, want.common) << "step " << step << ", " << text.size() << " tokens";
    ASSERT_EQ(found.state != nullptr, want.usable > 0);
    if (random.Below(3) == 0 && !all.empty()) {
      auto gone = all.begin();
      std::advance(gone, random.Below(all.size()));
      ASSERT_EQ(tree.At(gone->scope, gone->text), gone->state);
      EXPECT_EQ(tree.Remove(gone->state)->tokens(), gone->text.size());
      EXPECT_EQ(tree.At(gone->scope, gone->text), nullptr);
      all.erase(gone);
    } else if (tree.At(scope, text) == nullptr) {
      KeptState* state = tree.Add(scope, text, At(pool, text.size()));
      std::uint64_t before = 0;
      for (const Listed& one : all)
        if (one.scope == scope && one.text.size() < text.size() &&
            Common(one.text, text) == one.text.size())
          before = std::max<std::uint64_t>(before, one.text.size());
      EXPECT_EQ(tree.Before(*state), before);
      EXPECT_EQ(tree.Before(scope, text), before);
      all.push_back({text, scope, state});
    }
    ASSERT_EQ(tree.states().size(), all.size());
  }
  while (!all.empty()) {
    tree.Remove(all.front().state);
    all.pop_front();
  }
  EXPECT_EQ(pool->used_bytes(), 0u);
}

TEST(PrefixTree, FindsWhatAListFinds) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    CompareWithAList(Layout(), seed);
    CompareWithAList(LayoutOfPages(), seed);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(PrefixTree, RemembersThatATextWasKnown) {
  const auto pool = std::make_shared<Pool>(Layout());
  PrefixTree tree(Layout());
  Tokens text(300, 7);
  KeptState* state = tree.Add(4, text, At(pool, text.size()));
  EXPECT_EQ(tree.Find(4, text).dropped, 0u);
  tree.Remove(state);
  EXPECT_EQ(tree.Find(4, text).dropped, 256u);  // whole pages of it
  EXPECT_EQ(tree.Find(4, text).common, 0u);
  EXPECT_EQ(tree.Find(5, text).dropped, 0u);
  text[200] = 8;
  EXPECT_EQ(tree.Find(4, text).dropped, 128u);
}

// With the MTP block's entries the last common token is read again.
TEST(PrefixTree, TheMtpBlockNeedsATokenMore) {
  const auto pool = std::make_shared<Pool>(Layout());
  PrefixTree tree(Layout());
  const Tokens text(200, 7);
  Sequence with = At(pool, 200);
  with.state().mtp_tokens = 200;
  tree.Add(0, text, std::move(with));
  Tokens longer = text;
  longer.resize(250, 9);
  EXPECT_EQ(tree.Find(0, longer).usable, 199u);
  EXPECT_EQ(tree.Find(0, longer).common, 200u);
}

// What counted pages is empty too: or what is freed by dropping states is thought to be more.
TEST(PrefixTree, ClearedItHoldsNoPages) {
  const auto pool = std::make_shared<Pool>(Layout());
  PrefixTree tree(Layout());
  tree.Add(0, Tokens(300, 7), At(pool, 300));
  EXPECT_EQ(tree.pages(), 3u);
  tree.Clear();
  EXPECT_EQ(tree.pages(), 0u);
  EXPECT_EQ(pool->used_bytes(), 0u);
  KeptState* again = tree.Add(0, Tokens(300, 7), At(pool, 300));  // perhaps at the same addresses
  EXPECT_EQ(tree.pages(), 3u);
  tree.Remove(again);
  EXPECT_EQ(tree.pages(), 0u);
}

// Of a model that never forgets, every state behind the text's end can come back to it: the first
// is as good as all others, also with the MTP block's entries.
TEST(PrefixTree, LooksAtFewOfManyStatesThatGoOn) {
  for (const bool mtp : {false, true}) {
    const auto pool = std::make_shared<Pool>(LayoutOfPages());
    PrefixTree tree(LayoutOfPages());
    for (std::int32_t i = 0; i < 40; ++i) {
      Tokens text(300, 7);
      text[200] = text[290] = i;
      Sequence state = At(pool, text.size());
      if (mtp) state.state().mtp_tokens = text.size();
      tree.Add(0, text, std::move(state));
    }
    const Tokens text(150, 7);
    const PrefixTree::Match found = tree.Find(0, text);
    EXPECT_EQ(found.usable, mtp ? 148u : 149u);
    EXPECT_LE(found.looked, 2u) << mtp;
  }
}

}  // namespace
}  // namespace hadal::cache
