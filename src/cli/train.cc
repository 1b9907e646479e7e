// `hadal train`: hands over to hadal-train, the one program that needs LibTorch.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "cli/commands.h"

namespace hadal::cli {
namespace {

namespace fs = std::filesystem;

Result<std::string> FindTrainer() {
  std::error_code error;
  const fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
  const fs::path trainer = here / "hadal-train";
  if (!error && ::access(trainer.c_str(), X_OK) == 0) return trainer.string();
  return Fail(Code::kNotFound,
              "{}: found no program hadal-train here; training needs LibTorch: `make train-deps` "
              "installs it "
              "and builds hadal-train",
              here.string());
}

Status StartTrainer(std::vector<std::string> arguments) {
  HADAL_TRY(std::string program, FindTrainer());
  std::vector<char*> argv{program.data()};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::execv(program.c_str(), argv.data());
  return Fail(Code::kIo, "{}: cannot be started: {}", program, std::strerror(errno));
}

}  // namespace

void AddTrain(Command app, Work* work) {
  const Command train = app.AddCommand("train", "Train a model (hadal-train; needs LibTorch)");
  train.TakeAll([work](const std::vector<std::string>& arguments) {
    *work = [arguments] { return StartTrainer(arguments); };
  });
}

}  // namespace hadal::cli
