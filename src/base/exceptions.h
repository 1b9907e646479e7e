// What others throw, as an Error. This project throws nothing; the standard library does, where
// memory or threads are not to be had, and so do others.
#pragma once
#include "base/result.h"

namespace hadal {

// Keeps some address space back for the moment when no more memory is to be had: what an exception
// destroys on its way may want a little, as the JSON library's values do, and an allocation that
// fails in a destructor ends the program. For main; CaughtError keeps it back anew.
void KeepMemoryForErrors();

// Of the exception that is being handled: call it in a catch block. kExhausted for what the place
// does not have; kIo for what the system refused; kInvalid for the rest.
Error CaughtError();

// f(), a Status, whatever it throws.
template <class F>
Status Caught(F&& f) {
  try {
    return f();
  } catch (...) {
    return CaughtError();
  }
}

}  // namespace hadal
