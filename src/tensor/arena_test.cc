#include "tensor/arena.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace hadal {
namespace {

bool IsAligned(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 64 == 0; }

TEST(Arena, TakesAlignedPiecesBehindOneAnother) {
  Arena arena = Arena::Create(1024).value();
  Arena::Scope scope(arena);
  const View2<float> a = scope.Take<float>(3, 5);
  const std::span<std::byte> b = scope.Take<std::byte>(65);
  const std::span<std::uint32_t> c = scope.Take<std::uint32_t>(1);
  EXPECT_EQ(a.rows(), 3u);
  EXPECT_EQ(a.cols(), 5u);
  EXPECT_TRUE(IsAligned(a.data()) && IsAligned(b.data()) && IsAligned(c.data()));
  EXPECT_EQ(reinterpret_cast<std::byte*>(a.data()) + Arena::BytesOf<float>(3, 5), b.data());
  EXPECT_EQ(b.data() + Arena::BytesOf<std::byte>(65), reinterpret_cast<std::byte*>(c.data()));
  EXPECT_EQ(arena.peak_bytes(), 64u + 128 + 64);
}

TEST(Arena, AScopeGivesBackWhatItTook) {
  Arena arena = Arena::Create(4 * 64).value();
  Arena::Scope outer(arena);
  outer.Take<std::byte>(64);
  const std::byte* first = nullptr;
  for (int i = 0; i < 10; ++i) {
    Arena::Scope inner(arena);
    const std::byte* taken = inner.Take<std::byte>(128).data();
    if (first == nullptr) first = taken;
    EXPECT_EQ(taken, first);
  }
  outer.Take<std::byte>(64);
  EXPECT_EQ(arena.peak_bytes(), 3u * 64);
}

TEST(ArenaDeathTest, HoldsItsPromises) {
  Arena arena = Arena::Create(128).value();
  Arena::Scope outer(arena);
  EXPECT_DEATH(outer.Take<std::byte>(129), "broken promise");
  Arena::Scope inner(arena);
  EXPECT_DEATH(outer.Take<std::byte>(1), "broken promise");
}

TEST(Arena, MemoryThatIsNotThereIsAnError) {
  const auto arena = Arena::Create(std::numeric_limits<std::size_t>::max() / 2);
  ASSERT_FALSE(arena.ok());
  EXPECT_EQ(arena.error().code, Code::kExhausted);
  EXPECT_NE(arena.error().what.find("of memory"), std::string::npos) << arena.error().what;
}

}  // namespace
}  // namespace hadal
