#include "base/exceptions.h"

#include <exception>
#include <new>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace hadal {

Error CaughtError() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return Error{Code::kExhausted,
                 "not enough memory; `hadal doctor` says what this process may use"};
  } catch (const std::length_error&) {
    return Error{Code::kExhausted, "not enough memory: more was asked than can be addressed"};
  } catch (const std::system_error& error) {
    const bool exhausted = error.code() == std::errc::resource_unavailable_try_again ||
                           error.code() == std::errc::not_enough_memory;
    return Fail(exhausted ? Code::kExhausted : Code::kIo, "the system refused: {}", error.what());
  } catch (const std::exception& error) {
    const std::string_view what = error.what();
    return Fail(Code::kInvalid, "unexpected: {}", what.substr(0, what.find('\n')));
  } catch (...) {
    return Error{Code::kInvalid, "unexpected: an exception of an unknown kind"};
  }
}

}  // namespace hadal
