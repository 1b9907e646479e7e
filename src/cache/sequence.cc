#include "cache/sequence.h"

#include <cstring>
#include <new>

namespace hadal::cache {

Sequence::Sequence(const model::KvLayout& layout)
    : page_bytes_(layout.page_bytes), fixed_(layout.fixed_bytes) {
  std::memset(fixed_.data(), 0, fixed_.size());
  state_.fixed = fixed_.span();
}

Status Sequence::Reserve(std::size_t tokens) {
  const std::size_t needed = (state_.tokens + tokens + model::kPageTokens - 1) / model::kPageTokens;
  try {
    while (pages_.size() < needed) {
      Buffer<std::byte> page(page_bytes_);
      page_data_.reserve(pages_.size() + 1);
      pages_.push_back(std::move(page));
      page_data_.push_back(pages_.back().data());
    }
  } catch (const std::bad_alloc&) {
    return Fail(Code::kExhausted, "no memory for {} pages of {} bytes: {} tokens of context",
                needed, page_bytes_, state_.tokens + tokens);
  }
  state_.pages = page_data_;
  return Unit{};
}

std::size_t Sequence::bytes() const { return fixed_.size() + pages_.size() * page_bytes_; }

}  // namespace hadal::cache
