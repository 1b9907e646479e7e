// HADAL_CHECK: a promise between two pieces of our own code. A broken one is a bug: it prints file,
// line and condition and aborts. Never for data that came from a file, an argument or the network:
// that is what Result is for.
#pragma once
#include <cstdio>
#include <cstdlib>

#define HADAL_CHECK(condition)                                                             \
  do {                                                                                     \
    if (!(condition)) [[unlikely]] {                                                       \
      std::fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                        \
    }                                                                                      \
  } while (false)
