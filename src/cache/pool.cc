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
  try {
    // From here on the block gives back what it has charged, also when what follows throws.
    std::unique_ptr<Block> block(new Block(budget_));
    const std::uint64_t used = block->Charge(bytes);
    if (const std::uint64_t limit = budget_bytes(); used > limit)
      return Fail(Code::kExhausted, "sequences need {}, the budget is {}", FormatBytes(used),
                  FormatBytes(limit));
    block->data_ = Buffer<std::byte>(bytes);
    return BlockRef(std::move(block));
  } catch (const std::bad_alloc&) {
    return Fail(Code::kExhausted, "no memory for another {}: sequences have {}", FormatBytes(bytes),
                FormatBytes(budget_->used.load()));
  }
}

}  // namespace hadal::cache
