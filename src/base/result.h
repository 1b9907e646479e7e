// Result<T>: either a value or an Error that says which thing, what was found, what was expected.
//
//   Result<Config> ReadConfig(const std::string& path) {
//     HADAL_TRY(const std::string text, ReadFile(path));     // binds, or returns the error
//     if (text.empty()) return Fail(Code::kCorrupt, "{}: empty file", path);
//     ...
//   }
#pragma once
#include <fmt/format.h>

#include <string>
#include <utility>
#include <variant>

#include "base/check.h"

namespace hadal {

enum class Code {
  kInvalid,      // an argument or a config value makes no sense
  kNotFound,     // a file, a tensor or a key that should be there is not
  kCorrupt,      // a file's contents contradict themselves or its size
  kIo,           // the operating system refused
  kUnsupported,  // well-formed, but not something hadal knows
  kExhausted,    // memory, disk or a budget does not suffice
  kCancelled,    // the caller asked to stop
};

const char* CodeName(Code code);

struct [[nodiscard]] Error {
  Code code;
  std::string what;
};

template <class... Args>
Error Fail(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return Error{code, fmt::format(format, std::forward<Args>(args)...)};
}

struct Unit {};  // the value of a Result that carries none

template <class T>
class [[nodiscard]] Result {
 public:
  // A value or an error is a result as it stands: both conversions are meant to be implicit.
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    HADAL_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    HADAL_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    HADAL_CHECK(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    HADAL_CHECK(!ok());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, Error> state_;
};

using Status = Result<Unit>;

// The same error, with the place it happened put in front: "models/x: config.json: ...".
Error Within(const std::string& place, const Error& error);

}  // namespace hadal

#define HADAL_JOIN_(a, b) a##b
#define HADAL_JOIN(a, b) HADAL_JOIN_(a, b)
#define HADAL_TRY(declaration, expression)                                               \
  auto HADAL_JOIN(result_, __LINE__) = (expression);                                     \
  if (!HADAL_JOIN(result_, __LINE__).ok()) return HADAL_JOIN(result_, __LINE__).error(); \
  declaration = std::move(HADAL_JOIN(result_, __LINE__)).value()
#define HADAL_TRY_STATUS(expression)                       \
  do {                                                     \
    auto hadal_status_ = (expression);                     \
    if (!hadal_status_.ok()) return hadal_status_.error(); \
  } while (false)
