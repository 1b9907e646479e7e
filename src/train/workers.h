// Threads that each compute with LibTorch on their own: parts of a batch side by side keep all
// processors busy far better than operators that are split one by one.
#pragma once
#include <cstddef>
#include <functional>

#include "base/result.h"
#include "base/threads.h"

namespace hadal::train {

class Workers {
 public:
  // `count` workers; each operator inside one runs on `threads_each` threads.
  Workers(std::size_t count, std::size_t threads_each);

  std::size_t count() const { return pool_.count(); }

  // work(i) for i in [0, items). What LibTorch throws becomes an error; of several errors, the one
  // of the lowest item is returned.
  Status Run(std::size_t items, const std::function<Status(std::size_t)>& work);

 private:
  Threads pool_;
  std::size_t threads_each_;
};

// f(), with what LibTorch or the allocator throws as an Error that begins with `doing`.
Status Catching(const std::string& doing, const std::function<Status()>& f);

}  // namespace hadal::train
