#include "base/exceptions.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace hadal {
namespace {

template <class F>
Error ErrorOf(F&& f) {
  return Caught([&]() -> Status {
           f();
           return Unit{};
         })
      .error();
}

TEST(Exceptions, BecomeErrorsThatNameTheCause) {
  const Error memory = ErrorOf([] { throw std::bad_alloc(); });
  EXPECT_EQ(memory.code, Code::kExhausted);
  EXPECT_EQ(memory.what.find("not enough memory"), 0u);
  EXPECT_EQ(ErrorOf([] { std::vector<char>().reserve(~std::size_t{0}); }).code, Code::kExhausted);
  const Error threads = ErrorOf([] {
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
  });
  EXPECT_EQ(threads.code, Code::kExhausted);
  EXPECT_EQ(ErrorOf([] { throw std::runtime_error("first\nsecond"); }).what, "unexpected: first");
  EXPECT_EQ(ErrorOf([] { throw 7; }).code, Code::kInvalid);
}

// An allocation that fails in a destructor on an exception's way finds what was kept back; one that
// fails elsewhere throws. Both ways twice: it is kept back anew.
TEST(Exceptions, MemoryIsKeptBackForTheirWay) {
  struct WantsMemory {
    ~WantsMemory() { std::get_new_handler()(); }  // what operator new does that finds nothing
  };
  KeepMemoryForErrors();
  for (int i = 0; i < 2; ++i) {
    const Error plain = ErrorOf([] { std::get_new_handler()(); });
    EXPECT_EQ(plain.code, Code::kExhausted);
    const Error on_its_way = ErrorOf([] {
      const WantsMemory wants;
      throw std::runtime_error("first");
    });
    EXPECT_EQ(on_its_way.what, "unexpected: first");
  }
  std::set_new_handler(nullptr);
}

TEST(Exceptions, AStatusGoesThrough) {
  EXPECT_TRUE(Caught([]() -> Status { return Unit{}; }).ok());
  EXPECT_EQ(Caught([]() -> Status { return Error{Code::kIo, "x"}; }).error().what, "x");
}

}  // namespace
}  // namespace hadal
