#include "train/workers.h"

#include <dlfcn.h>
#include <omp.h>
#include <torch/torch.h>

#include <optional>
#include <vector>

#include "base/exceptions.h"

namespace hadal::train {
namespace {

// OpenBLAS has threads of its own, which LibTorch does not know of. With several workers each must
// compute alone: the library runs one threaded product at a time, and the others wait.
void SetBlasThreads(std::size_t threads) {
  using SetThreads = void (*)(int);
  // NOLINTNEXTLINE(*-reinterpret-cast): how dlsym gives a function
  const auto set = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));
  if (set != nullptr) set(static_cast<int>(threads));
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

Workers::Workers(std::size_t count, std::size_t threads_each)
    : pool_(count), threads_each_(threads_each) {
  at::set_num_threads(static_cast<int>(threads_each));
  SetBlasThreads(threads_each);
}

Status Workers::Run(std::size_t items, const std::function<Status(std::size_t)>& work) {
  std::vector<std::optional<Error>> errors(items);
  pool_.Run(items, [&](std::size_t item) {
    omp_set_num_threads(static_cast<int>(threads_each_));  // is kept per thread
    at::globalContext().setFlushDenormal(true);            // so is this
    const Status status = Catching("training", [&] { return work(item); });
    if (!status.ok()) errors[item] = status.error();
  });
  for (const std::optional<Error>& error : errors)
    if (error) return *error;
  return Unit{};
}

Status Catching(const std::string& doing, const std::function<Status()>& f) {
  try {
    return f();
  } catch (const c10::Error& error) {
    return Fail(Code::kExhausted, "{}: LibTorch: {}", doing,
                FirstLine(error.what_without_backtrace()));
  } catch (...) {
    return Within(doing, CaughtError());
  }
}

}  // namespace hadal::train
