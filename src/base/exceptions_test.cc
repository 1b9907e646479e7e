#include "base/exceptions.h"

#include <gtest/gtest.h>

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

TEST(Exceptions, AStatusGoesThrough) {
  EXPECT_TRUE(Caught([]() -> Status { return Unit{}; }).ok());
  EXPECT_EQ(Caught([]() -> Status { return Error{Code::kIo, "x"}; }).error().what, "x");
}

}  // namespace
}  // namespace hadal
