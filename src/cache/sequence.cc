#include "cache/sequence.h"

#include <cstring>
#include <new>
#include <utility>

namespace hadal::cache {
namespace {

BlockRef OrThrow(Result<BlockRef> block) {
  if (!block.ok()) throw std::bad_alloc();
  return std::move(*block);
}

}  // namespace

Sequence::Sequence(std::shared_ptr<Pool> pool, BlockRef fixed)
    : pool_(std::move(pool)), fixed_(std::move(fixed)) {
  state_.fixed = fixed_->bytes();
  std::memset(state_.fixed.data(), 0, state_.fixed.size());
}

Sequence::Sequence(const arch::KvLayout& layout) : pool_(std::make_shared<Pool>(layout)) {
  *this = Sequence(pool_, OrThrow(pool_->TakeFixed()));
}

Result<Sequence> Sequence::Create(std::shared_ptr<Pool> pool) {
  HADAL_TRY(BlockRef fixed, pool->TakeFixed());
  return Sequence(std::move(pool), std::move(fixed));
}

void Sequence::Push(BlockRef page) {
  page_data_.push_back(page->bytes().data());
  pages_.push_back(std::move(page));
  state_.pages = page_data_;
}

Status Sequence::Reserve(std::size_t tokens) {
  const std::size_t needed = (state_.tokens + tokens + arch::kPageTokens - 1) / arch::kPageTokens;
  const std::size_t had = pages_.size();
  while (pages_.size() < needed) {
    auto page = pool_->TakePage();
    if (!page.ok()) {
      pages_.resize(had);
      page_data_.resize(had);
      state_.pages = page_data_;
      return Fail(page.error().code, "{} tokens of context: {}", state_.tokens + tokens,
                  page.error().what);
    }
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
  for (std::size_t p = 0; p < full; ++p) fork.Push(pages_[p]);
  // The page under way; what is reserved behind it holds nothing yet.
  if (state_.tokens % arch::kPageTokens != 0) {
    HADAL_TRY(BlockRef page, pool_->TakePage());
    std::memcpy(page->bytes().data(), page_data_[full], page->bytes().size());
    fork.Push(std::move(page));
  }
  fork.state_.tokens = state_.tokens;
  fork.state_.mtp_tokens = state_.mtp_tokens;
  return fork;
}

std::size_t Sequence::bytes() const {
  return fixed_->bytes().size() + pages_.size() * pool_->layout().page_bytes;
}

}  // namespace hadal::cache
