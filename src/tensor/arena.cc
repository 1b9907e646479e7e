#include "tensor/arena.h"

#include "base/units.h"

namespace hadal {

Result<Arena> Arena::Create(std::size_t bytes) {
  auto memory = Buffer<std::byte>::TryCreate(bytes);
  if (!memory)
    return Fail(Code::kExhausted, "{} of memory: the system does not give so much",
                FormatBytes(bytes));
  return Arena(std::move(*memory));
}

}  // namespace hadal
