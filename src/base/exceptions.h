// What others throw, as an Error. This project throws nothing; the standard library does, where
// memory or threads are not to be had, and so do others.
#pragma once
#include <type_traits>

#include "base/result.h"

namespace hadal {

// Keeps some address space back for the moment when no more memory is to be had: what an exception
// destroys on its way may want a little, as the JSON library's values do, and an allocation that
// fails in a destructor ends the program. For main; CaughtError keeps it back anew.
void KeepMemoryForErrors();

// Of the exception that is being handled: call it in a catch block. kExhausted for what the place
// does not have; kIo for what the system refused; kInvalid for the rest. Throws nothing: what was
// kept back is there for the line.
Error CaughtError() noexcept;

// f(), a Status or nothing, whatever it throws: what the function of a thread, or a destructor,
// does with what may throw.
template <class F>
Status Caught(F&& f) noexcept {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
      f();
      return Unit{};
    } else {
      return f();
    }
  } catch (...) {
    return CaughtError();
  }
}

}  // namespace hadal
