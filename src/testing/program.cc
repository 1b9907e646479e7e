#include "testing/program.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "io/file.h"

namespace hadal::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kNotStarted = 127;

// Programs are built at the top of the build folder, tests further down.
std::string PathOf(const std::string& name) {
  fs::path folder = fs::read_symlink("/proc/self/exe").parent_path();
  while (!fs::is_regular_file(folder / name) && folder.has_relative_path())
    folder = folder.parent_path();
  return (folder / name).string();
}

void Limit(int resource, std::uint64_t most) {
  if (most == Limits::kNone) return;
  const rlimit limit{most, most};
  if (setrlimit(resource, &limit) != 0) _exit(kNotStarted);
}

// A shell's background jobs ignore some, and so would the program.
void NoSignalIsIgnored() {
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM}) std::signal(signal, SIG_DFL);
}

void Redirect(int fd, const char* path) {
  const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0 || dup2(file, fd) < 0) _exit(kNotStarted);
}

void NothingToRead() {
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0) _exit(kNotStarted);
}

}  // namespace

// Between fork and exec nothing is allocated: another thread may hold the allocator.
Program::Program(const std::string& name, std::vector<std::string> arguments, Limits limits) {
  const std::string program = PathOf(name);
  const std::string out = output_.File("out"), errors = output_.File("errors");
  arguments.insert(arguments.begin(), program);
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  child_ = fork();
  HADAL_CHECK(child_ >= 0);
  if (child_ != 0) return;
  NothingToRead();
  Redirect(STDOUT_FILENO, out.c_str());
  Redirect(STDERR_FILENO, errors.c_str());
  NoSignalIsIgnored();
  Limit(RLIMIT_CORE, 0);
  Limit(RLIMIT_FSIZE, limits.file_bytes);
  Limit(RLIMIT_AS, limits.address_bytes);
  execv(program.c_str(), argv.data());
  _exit(kNotStarted);
}

Program::~Program() {
  if (waited_) return;
  kill(child_, SIGKILL);
  Wait();
}

void Program::Signal(int signal) const { kill(child_, signal); }

bool Program::HasEnded() const {
  siginfo_t info{};
  waitid(P_PID, static_cast<id_t>(child_), &info, WEXITED | WNOHANG | WNOWAIT);
  return info.si_pid == child_;
}

int Program::Wait() {
  if (waited_) return code_;
  int status = 0;
  HADAL_CHECK(waitpid(child_, &status, 0) == child_);
  waited_ = true;
  code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1 - WTERMSIG(status);
  if (code_ == kNotStarted) code_ = -128;
  return code_;
}

std::string Program::Text(const char* file) const {
  const auto text = io::ReadFile(output_.File(file));
  return text.ok() ? *text : std::string();
}

}  // namespace hadal::testing
