// Writing a value where memory ends at any moment throws, as everything does, and no more: nothing
// asks for memory in a destructor, which would end the program.
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <new>

#include "base/json.h"

namespace {

constexpr std::size_t kEndless = std::numeric_limits<std::size_t>::max();
thread_local std::size_t allocations_left = kEndless;

}  // namespace

// Not inlined: a compiler that sees malloc and delete, or new and free, finds them mismatched.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  if (allocations_left == 0) throw std::bad_alloc();
  if (allocations_left != kEndless) --allocations_left;
  if (void* memory = std::malloc(bytes > 0 ? bytes : 1)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace hadal {
namespace {

// Whether it could be written with so many allocations.
bool Writes(const Json& json, std::size_t allocations, std::string* out) {
  allocations_left = allocations;
  bool wrote = true;
  try {
    *out = json.Dump();
  } catch (const std::bad_alloc&) {
    wrote = false;
  }
  allocations_left = kEndless;
  return wrote;
}

TEST(JsonMemory, ThatEndsWhileAValueIsWrittenIsAnException) {
  const std::string text =
      R"({"a long name of a member":[1,[],{},[[2]],{"b":{"c":["a text of more than 15 bytes"]}}],)"
      R"("d":{"e":[3],"f":{"g":[4]},"h":[[5]]},"i":[[6],[7],{"j":8},{"k":{}}],"l":{"m":[9]}})";
  const Json json = ParseJson(text).value();
  std::string out;
  std::size_t allocations = 0;
  while (!Writes(json, allocations, &out)) ++allocations;
  EXPECT_GT(allocations, 8u);
  EXPECT_EQ(out, text);
}

}  // namespace
}  // namespace hadal
