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
// So small that malloc takes it from its heap: where a limit has fallen below what is in use, what
// goes back to the system does not come again, and what goes back to the heap does.
constexpr std::size_t kKeptInHeap = std::size_t{96} << 10;
std::atomic<void*> kept_back = nullptr, kept_in_heap = nullptr;

// Whether there was any.
bool GiveBack() {
  void* memory = kept_back.exchange(nullptr);
  void* in_heap = kept_in_heap.exchange(nullptr);
  std::free(memory);
  std::free(in_heap);
  return memory != nullptr || in_heap != nullptr;
}

// What operator new calls where it finds nothing. Behind it new tries again, if it does not throw.
void NoMemory() {
  if (std::uncaught_exceptions() == 0 || !GiveBack()) throw std::bad_alloc();
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

// A line wants memory itself.
Error ErrorOrLess() {
  try {
    return ErrorOfException();
  } catch (...) {
    return Error{Code::kExhausted, "no memory"};  // short enough to lie in the string itself
  }
}

}  // namespace

void KeepMemoryForErrors() {
  std::free(kept_back.exchange(std::malloc(kKeptBack)));
  std::free(kept_in_heap.exchange(std::malloc(kKeptInHeap)));
  std::set_new_handler(NoMemory);
}

Error CaughtError() noexcept {
  GiveBack();
  Error error = ErrorOrLess();
  if (std::get_new_handler() == NoMemory) KeepMemoryForErrors();
  return error;
}

}  // namespace hadal
