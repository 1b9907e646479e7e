// What the flags of several commands share: checks of their values, and flags that mean the same
// everywhere. A value that fails is wrong usage: exit code 2.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>

#include "base/result.h"
#include "cli/command_line.h"

namespace hadal::cli {

// Whether there is a value: for checks of flags together.
template <class T>
Status StatusOf(const Result<T>& result) {
  return result.ok() ? Status(Unit{}) : Status(result.error());
}

// A whole number from min to max. By itself CLI11 takes "-1" for 2^64 - 1.
Validator WholeNumber(std::uint64_t min = 0,
                      std::uint64_t max = std::numeric_limits<std::uint64_t>::max());

// A count such as 4096 or 4K, from min to max, rewritten to plain digits: for transform().
Validator Size(std::uint64_t min, std::uint64_t max = std::uint64_t{1} << 62);

// A decimal number, then what `check` says of it.
Validator Number(const std::function<Status(double)>& check);

// --ram; a size such as 8G or 8GB. *bytes is absent if it is not given.
void AddRam(Command app, std::optional<std::uint64_t>* bytes);

// --threads; *threads is one for each core if it is not given.
void AddThreads(Command app, std::size_t* threads);

}  // namespace hadal::cli
