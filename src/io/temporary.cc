#include "io/temporary.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <utility>
#include <vector>

#include "io/remove_tree.h"
#include "io/system_error.h"

namespace hadal::io {
namespace {

constexpr std::size_t kMarkDigits = 16;
constexpr std::string_view kSuffix = ".tmp";
constexpr std::size_t kMostNameBytes = 200;  // of the target's name: file systems allow 255 in all

std::atomic_flag busy = ATOMIC_FLAG_INIT;  // held by who changes what exists, and by a signal's end

// The paths of all temporaries. Never destroyed: a signal may come at any time.
std::vector<std::string>& List() {
  static auto* const list = new std::vector<std::string>();
  return *list;
}

// Held while a temporary comes or goes, with its entry in the list: whoever has it sees both or
// neither. No signal reaches a thread that holds it, so the handler may wait for it, in this thread
// too.
class Change {
 public:
  Change() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
    while (busy.test_and_set(std::memory_order_acquire)) sched_yield();
  }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;
  ~Change() {
    busy.clear(std::memory_order_release);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t before_;
};

void Forget(const std::string& path) { std::erase(List(), path); }

void EndBySignal(int signal) {
  while (busy.test_and_set(std::memory_order_acquire)) sched_yield();  // and never given back
  for (const std::string& path : List()) RemoveTree(path.c_str());
  std::signal(signal, SIG_DFL);
  raise(signal);  // once this handler returns
}

std::string NewName(const std::string& target) {
  std::uint64_t mark = 0;
  if (getrandom(&mark, sizeof(mark), 0) != sizeof(mark))
    mark = static_cast<std::uint64_t>(getpid()) << 32 ^ reinterpret_cast<std::uintptr_t>(&mark);
  const std::size_t slash = target.rfind('/');
  const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
  return fmt::format("{}.{:016x}{}",
                     target.substr(0, std::min(target.size(), name + kMostNameBytes)), mark,
                     kSuffix);
}

}  // namespace

Temporary::Temporary(Temporary&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      target_(std::move(other.target_)),
      kind_(other.kind_),
      before_(std::move(other.before_)) {}

Temporary::~Temporary() { Remove(); }

Result<Temporary> Temporary::Make(const std::string& target, Kind kind, Standing before,
                                  unsigned access, int* fd) {
  constexpr int kTries = 16;
  for (int tries = 0;; ++tries) {
    const std::string path = NewName(target);
    const Change change;
    if (kind == Kind::kFolder) {
      *fd = mkdir(path.c_str(), access);
    } else {
      *fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, access);
    }
    if (*fd >= 0) {
      List().push_back(path);
      return Temporary(path, target, kind, std::move(before));
    }
    if (errno != EEXIST || tries == kTries) return SystemError(target, "create it");
  }
}

Result<Temporary> Temporary::MakeFile(const std::string& target, int* fd, unsigned access) {
  return Make(target, Kind::kFile, Standing::At(target), access, fd);
}

Result<Temporary> Temporary::MakeFolder(const std::string& target, bool replace) {
  int made = 0;
  return Make(target, Kind::kFolder, replace ? Standing::At(target) : Standing::Nothing(), 0777,
              &made);
}

Status Temporary::PutInPlace() {
  {
    const Change change;
    HADAL_TRY_STATUS(io::PutInPlace(path_, target_, before_, kind_));
    struct stat info {};
    if (lstat(path_.c_str(), &info) != 0) {  // else: what was at the target before
      Forget(path_);
      path_.clear();
    }
  }
  Remove();
  return Unit{};
}

void Temporary::Remove() {
  if (path_.empty()) return;
  RemoveTree(path_.c_str());
  const Change change;
  Forget(path_);
  path_.clear();
}

std::optional<std::string_view> TargetOfTemporary(std::string_view name) {
  const std::size_t tail = 1 + kMarkDigits + kSuffix.size();
  if (name.size() <= tail || !name.ends_with(kSuffix) || name[name.size() - tail] != '.') return {};
  const std::string_view mark = name.substr(name.size() - tail + 1, kMarkDigits);
  if (mark.find_first_not_of("0123456789abcdef") != std::string_view::npos) return {};
  return name.substr(0, name.size() - tail);
}

bool IsLeftOver(std::string_view name) {
  if (name.ends_with(kReplacedSuffix)) name.remove_suffix(kReplacedSuffix.size());
  return TargetOfTemporary(name).has_value();
}

void RemoveTemporariesOnSignals() {
  List();
  std::signal(SIGXFSZ, SIG_IGN);
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGXCPU}) {
    struct sigaction action {
    }, before{};
    sigaction(signal, nullptr, &before);
    if (before.sa_handler == SIG_IGN) continue;
    action.sa_handler = EndBySignal;
    sigfillset(&action.sa_mask);
    sigaction(signal, &action, nullptr);
  }
}

}  // namespace hadal::io
