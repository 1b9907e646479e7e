#include "cache/sequence.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace hadal::cache {

Sequence::Sequence(std::shared_ptr<Pool> pool, BlockRef fixed)
    : pool_(std::move(pool)), fixed_(std::move(fixed)) {
  state_.fixed = fixed_->bytes();
  std::memset(state_.fixed.data(), 0, state_.fixed.size());
}

Result<Sequence> Sequence::Create(std::shared_ptr<Pool> pool) {
  HADAL_TRY(BlockRef fixed, pool->TakeFixed());
  return Sequence(std::move(pool), std::move(fixed));
}

Result<Sequence> Sequence::Create(const arch::KvLayout& layout) {
  return Create(std::make_shared<Pool>(layout));
}

void Sequence::Push(BlockRef page) {
  page_data_.push_back(page->bytes().data());
  pages_.push_back(std::move(page));
  state_.pages = page_data_;
}

void Sequence::KeepPages(std::size_t count) {
  pages_.resize(std::min(count, pages_.size()));
  page_data_.resize(pages_.size());
  state_.pages = page_data_;
}

Status Sequence::ListPages(std::size_t count) {
  if (count <= page_data_.capacity()) return Unit{};
  try {
    pages_.reserve(std::max(count, 2 * page_data_.capacity()));
    page_data_.reserve(pages_.capacity());
  } catch (const std::bad_alloc&) {
    return Fail(Code::kExhausted, "no memory for a list of {} pages", count);
  }
  state_.pages = page_data_;
  return Unit{};
}

Status Sequence::Reserve(std::size_t tokens) {
  if (tokens > kMostTokens - state_.tokens)
    return Fail(Code::kExhausted, "{} more tokens of context: expected at most {}", tokens,
                kMostTokens - state_.tokens);
  const std::size_t needed = arch::PagesOf(state_.tokens + tokens);
  const std::size_t had = pages_.size();
  const auto refuse = [&](const Error& error) {
    KeepPages(had);
    return Within(fmt::format("{} tokens of context", state_.tokens + tokens), error);
  };
  if (const Status room = ListPages(needed); !room.ok()) return refuse(room.error());
  while (pages_.size() < needed) {
    auto page = pool_->TakePage();
    if (!page.ok()) return refuse(page.error());
    // What is not written yet is zero: a snapshot's bytes are then the state's alone.
    std::memset((*page)->bytes().data(), 0, (*page)->bytes().size());
    Push(std::move(*page));
  }
  return Unit{};
}

Result<Sequence> Sequence::Fork() const {
  HADAL_TRY(Sequence fork, Create(pool_));
  std::memcpy(fork.state_.fixed.data(), state_.fixed.data(), state_.fixed.size());
  const std::size_t full = full_pages();
  HADAL_TRY_STATUS(fork.ListPages(arch::PagesOf(state_.tokens)));
  for (std::size_t p = 0; p < full; ++p) fork.Push(pages_[p]);
  // The page under way; what is reserved behind it holds nothing yet.
  if (state_.tokens % arch::kPageTokens != 0) {
    HADAL_TRY(BlockRef page, pool_->TakePage());
    std::memcpy(page->bytes().data(), page_data_[full], page->bytes().size());
    fork.Push(std::move(page));
  }
  fork.state_.tokens = state_.tokens;
  fork.state_.mtp_tokens = state_.mtp_tokens;
  fork.state_.mtp_first = state_.mtp_first;
  fork.earliest_ = earliest();
  return fork;
}

Progress Sequence::earliest() const {
  if (!pool_->layout().forgets()) return {};
  const auto back = [](std::uint64_t from, std::uint64_t by) { return from > by ? from - by : 0; };
  // Nothing is lost by staying or going back, so what counts is where it stands now, or stood
  // before it last went back. The block's window holds one entry more than its next position and
  // kReturnTokens need: that one lets the block go back to one position less than the layers.
  return {std::max(earliest_.tokens, back(state_.tokens, arch::kReturnTokens)),
          std::max(earliest_.mtp_tokens, back(state_.mtp_tokens, arch::kReturnTokens + 1))};
}

Status Sequence::Truncate(std::uint64_t tokens) {
  return Truncate(tokens, tokens == 0 ? 0 : tokens - 1);
}

Status Sequence::Truncate(std::uint64_t tokens, std::uint64_t mtp_tokens) {
  const Progress first = earliest();
  const std::uint64_t mtp_kept = std::min({state_.mtp_tokens, mtp_tokens, tokens});
  const auto check = [](std::uint64_t to, std::uint64_t from, std::uint64_t now, const char* of) {
    if (from <= to && to <= now) return Status(Unit{});
    return Status(
        Fail(Code::kInvalid, "back to {} tokens{}: expected {} to {}", to, of, from, now));
  };
  HADAL_TRY_STATUS(check(tokens, first.tokens, state_.tokens, ""));
  HADAL_TRY_STATUS(check(mtp_kept, first.mtp_tokens, state_.mtp_tokens, " of the MTP block"));
  if (tokens % arch::kPageTokens != 0) HADAL_TRY_STATUS(OwnPage(tokens / arch::kPageTokens));
  KeepPages(arch::PagesOf(tokens));
  state_.tokens = tokens;
  state_.mtp_tokens = mtp_kept;
  state_.mtp_first = std::min(state_.mtp_first, mtp_kept);
  earliest_ = first;
  return Unit{};
}

// Guesses far ahead may have left the MTP block unable to go back as far as the layers can.
Status Sequence::BranchAt(std::uint64_t tokens) {
  if (std::min(state_.mtp_tokens, tokens) < earliest().mtp_tokens)
    state_.mtp_tokens = state_.mtp_first = earliest_.mtp_tokens = 0;
  if (state_.mtp_tokens > 0) return Truncate(tokens, tokens);
  return state_.tokens > tokens ? Truncate(tokens) : Status(Unit{});
}

Status Sequence::OwnPage(std::size_t index) {
  if (HeldOnce(pages_[index])) return Unit{};
  HADAL_TRY(BlockRef page, pool_->TakePage());
  std::memcpy(page->bytes().data(), page_data_[index], page->bytes().size());
  page_data_[index] = page->bytes().data();
  pages_[index] = std::move(page);
  return Unit{};
}

std::size_t Sequence::bytes() const {
  return fixed_->bytes().size() + pages_.size() * pool_->layout().page_bytes;
}

// Shared pages are the first ones: whoever holds a page holds those before it.
std::size_t Sequence::own_bytes() const {
  std::size_t own = 0;
  while (own < pages_.size() && pages_[pages_.size() - 1 - own].use_count() == 1) ++own;
  return fixed_->bytes().size() + own * pool_->layout().page_bytes;
}

}  // namespace hadal::cache
