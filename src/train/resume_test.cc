// The program hadal-train from end to end: a run that is killed again and again ends as one that
// was left alone.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "arch/config.h"
#include "base/random.h"
#include "io/checkpoint.h"
#include "io/file.h"
#include "testing/temp_folder.h"
#include "text/bpe_trainer.h"

namespace hadal::train {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

std::string Story(Random* random) {
  const Words who = {"The fox", "A sailor", "My aunt", "The old king", "Nobody"};
  const Words does = {"found", "sold", "feared", "painted", "followed"};
  const Words what = {"a lamp", "the river", "seven stones", "a letter", "the moon"};
  std::string story;
  for (std::size_t i = 0; i < 6 + random->Below(20); ++i)
    story +=
        who[random->Below(5)] + " " + does[random->Below(5)] + " " + what[random->Below(5)] + ". ";
  return story;
}

arch::Config TinyConfig() {
  arch::Config c;
  c.vocab_size = 320;
  c.hidden_size = 64;
  c.num_hidden_layers = 3;
  c.num_attention_heads = 2;
  c.head_dim = 80;
  c.qk_rope_head_dim = 16;
  c.q_lora_rank = 32;
  c.o_groups = 2;
  c.o_lora_rank = 32;
  c.sliding_window = 16;
  c.index_n_heads = 2;
  c.index_head_dim = 32;
  c.index_topk = 4;
  c.moe_intermediate_size = 32;
  c.n_routed_experts = 4;
  c.num_experts_per_tok = 2;
  c.num_hash_layers = 1;
  c.routed_scaling_factor = 1.5;
  c.swiglu_limit = 10;
  c.compress_ratios = {0, 4, 128, 0};
  c.num_nextn_predict_layers = 1;
  c.max_position_embeddings = 4096;
  c.bos_token_id = 0;
  c.eos_token_id = {1};
  return c;
}

constexpr char kToml[] = R"(
steps = 24
out = "run"
threads = 2
model.config = "config.json"
model.tokenizer = "."
data.train = ["stories.txt"]
data.heldout_fraction = 0.1
data.separator = "\n--\n"
batch = { rows = 4, tokens = 64, shards = 2 }
lr = { peak = 0.01, end = 0.001, warmup_steps = 4 }
stages = { warmup = 8, sparse = 12 }
quantize = { experts = 16, linears = 16, kv = 16, indexer = 16 }
eval = { every = 8, tokens = 512 }
checkpoint = { every = 3, minutes = 0 }
)";

void WriteInputs(const testing::TempFolder& folder) {
  Random random(5);
  std::string stories;
  for (int i = 0; i < 60; ++i) stories += Story(&random) + "\n--\n";
  text::BpeTrainOptions bpe;
  bpe.vocab_size = 320;
  bpe.leading_tokens = {"<bos>", "<eos>", "<pad>"};
  const auto tokenizer = text::TrainBpe({stories}, bpe, {});
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().what;
  const std::string config = arch::ConfigToJson(TinyConfig(), false).Dump(2);
  ASSERT_TRUE(io::WriteFile(folder.File("stories.txt"), stories).ok());
  ASSERT_TRUE(io::WriteFile(folder.File("tokenizer.json"), *tokenizer).ok());
  ASSERT_TRUE(io::WriteFile(folder.File("config.json"), config).ok());
  ASSERT_TRUE(io::WriteFile(folder.File("train.toml"), kToml).ok());
}

// The program is built at the top of the build folder, this test further down.
std::string TrainerPath() {
  fs::path folder = fs::read_symlink("/proc/self/exe").parent_path();
  while (!fs::exists(folder / "hadal-train") && folder.has_relative_path())
    folder = folder.parent_path();
  return (folder / "hadal-train").string();
}

pid_t StartTrainer(const testing::TempFolder& folder, const Words& arguments) {
  const std::string program = TrainerPath();
  const pid_t child = fork();
  if (child != 0) return child;
  const std::string log = folder.File("stderr.txt");
  const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(fd, STDERR_FILENO);
  dup2(fd, STDOUT_FILENO);
  Words all = {program, folder.File("train.toml"), "--quiet"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& argument : all) argv.push_back(argument.data());
  argv.push_back(nullptr);
  execv(program.c_str(), argv.data());
  _exit(127);
}

// The exit code; -1 if a signal ended it.
int Wait(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int RunTrainer(const testing::TempFolder& folder, const Words& arguments) {
  return Wait(StartTrainer(folder, arguments));
}

std::size_t LogLines(const std::string& path) {
  const auto text = io::ReadFile(path);
  return text.ok() ? static_cast<std::size_t>(std::count(text->begin(), text->end(), '\n')) : 0;
}

bool HasEnded(pid_t child) {
  siginfo_t info{};
  waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT);
  return info.si_pid == child;
}

// Sends `signal` once the log has `lines` lines, a little later, so that it can fall anywhere in a
// step.
void SignalAfter(pid_t child, int signal, const std::string& log, std::size_t lines,
                 Random* random) {
  while (LogLines(log) < lines && !HasEnded(child))
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  std::this_thread::sleep_for(std::chrono::milliseconds(random->Below(120)));
  kill(child, signal);
}

std::string Messages(const testing::TempFolder& folder) {
  return io::ReadFile(folder.File("stderr.txt")).ok() ? *io::ReadFile(folder.File("stderr.txt"))
                                                      : "";
}

TEST(Resume, ARunKilledAnywhereEndsAsTheUndisturbedOne) {
  const testing::TempFolder folder;
  WriteInputs(folder);
  const std::string whole = folder.File("whole"), killed = folder.File("killed");
  ASSERT_EQ(RunTrainer(folder, {"--out", whole}), 0) << Messages(folder);

  Random random(11);
  const std::string log = killed + "/run_log.csv";
  for (const std::size_t lines : {3u, 9u, 15u, 21u}) {
    const pid_t child = StartTrainer(folder, {"--out", killed, "--resume"});
    SignalAfter(child, SIGKILL, log, lines, &random);
    EXPECT_EQ(Wait(child), -1) << Messages(folder);
  }
  ASSERT_EQ(RunTrainer(folder, {"--out", killed, "--resume"}), 0) << Messages(folder);

  for (const char* file : {"/run_log.csv", "/model/model.safetensors", "/model/config.json",
                           "/model/tokenizer.json"}) {
    const auto one = io::ReadFile(whole + file), other = io::ReadFile(killed + file);
    ASSERT_TRUE(one.ok() && other.ok()) << file << "\n" << Messages(folder);
    EXPECT_TRUE(*one == *other) << file;
  }
  EXPECT_EQ(LogLines(whole + "/run_log.csv"), 25u);
  EXPECT_TRUE(fs::exists(whole + "/loss_plot.svg"));
  const auto model = io::Checkpoint::Open(whole + "/model");
  EXPECT_TRUE(model.ok()) << model.error().what;
}

TEST(Resume, CtrlCSavesAndSaysHowToGoOnAndAStateCanBeExported) {
  const testing::TempFolder folder;
  WriteInputs(folder);
  const std::string out = folder.File("run");
  Random random(3);
  const pid_t child = StartTrainer(folder, {});
  SignalAfter(child, SIGINT, out + "/run_log.csv", 3, &random);
  EXPECT_EQ(Wait(child), 1);
  EXPECT_NE(Messages(folder).find("continue with: hadal-train"), std::string::npos)
      << Messages(folder);
  EXPECT_EQ(RunTrainer(folder, {"--export", folder.File("exported")}), 0) << Messages(folder);
  EXPECT_TRUE(io::Checkpoint::Open(folder.File("exported")).ok());

  EXPECT_EQ(RunTrainer(folder, {}), 1);  // not over a run that is there
  EXPECT_NE(Messages(folder).find("--resume"), std::string::npos);
  EXPECT_EQ(RunTrainer(folder, {"--resume", "--steps", "40"}), 1);
  EXPECT_NE(Messages(folder).find("steps was 24, is now 40"), std::string::npos)
      << Messages(folder);
  EXPECT_EQ(RunTrainer(folder, {"--bogus"}), 2);
}

}  // namespace
}  // namespace hadal::train
