#include "base/exceptions.h"

#include <atomic>
#include <cstdlib>
#include <exception>
#include <new>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace hadal {
namespace {

constexpr std::size_t kKeptBack = std::size_t{4} << 20;  // never written: no memory, only addresses
std::atomic<void*> kept_back = nullptr;

// What operator new calls where it finds nothing. Behind it new tries again, if it does not throw.
void NoMemory() {
  void* memory = kept_back.exchange(nullptr);
  std::free(memory);
  if (memory == nullptr || std::uncaught_exceptions() == 0) throw std::bad_alloc();
}

Error ErrorOfException() {
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

}  // namespace

void KeepMemoryForErrors() {
  std::free(kept_back.exchange(std::malloc(kKeptBack)));
  std::set_new_handler(NoMemory);
}

Error CaughtError() {
  Error error = ErrorOfException();
  if (std::get_new_handler() == NoMemory) KeepMemoryForErrors();
  return error;
}

}  // namespace hadal
