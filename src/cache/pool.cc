#include "cache/pool.h"

#include <new>
#include <utility>

#include "base/units.h"

namespace hadal::cache {

Pool::Pool(arch::KvLayout layout, std::uint64_t budget_bytes)
    : layout_(std::move(layout)), budget_(std::make_shared<Budget>()) {
  budget_->limit = budget_bytes;
}

Result<BlockRef> Pool::Take(std::size_t bytes) {
  const std::uint64_t used = budget_->used.fetch_add(bytes) + bytes;
  if (used > budget_->limit) {
    budget_->used -= bytes;
    return Fail(Code::kExhausted, "sequences need {}, the budget is {}", FormatBytes(used),
                FormatBytes(budget_->limit));
  }
  try {
    Buffer<std::byte> data(bytes);
    return BlockRef(new Block(std::move(data), budget_));
  } catch (const std::bad_alloc&) {
    budget_->used -= bytes;
    return Fail(Code::kExhausted, "no memory for another {}: sequences have {}", FormatBytes(bytes),
                FormatBytes(used - bytes));
  }
}

}  // namespace hadal::cache
