// Runs of a model whose experts stay on disk: the same texts, within a budget that nothing exceeds.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "arch/config.h"
#include "base/free_memory.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/units.h"
#include "convert/synth.h"
#include "engine/disk_cache.h"
#include "engine/footprint.h"
#include "engine/generator.h"
#include "engine/scheduler.h"
#include "io/file.h"
#include "memory_group.h"
#include "testing/page_cache.h"
#include "testing/program.h"
#include "testing/sanitized.h"
#include "testing/source_file.h"
#include "testing/temp_folder.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;
using testing::CachedBytes;
using testing::DropFromCache;
using testing::EmbeddedFolder;
using testing::Program;
using testing::TempFolder;

constexpr const char* kPrompt = "It was a fine morning, and the old king walked down to the river.";

struct Text {
  std::string text, error;
  std::optional<model::DiskExpertFigures> experts;
  std::vector<std::string> notes;
};

Text TextOf(const engine::ModelFiles& files, const engine::GenerateOptions& options) {
  Text got;
  Threads threads(2);
  const engine::GenerateCallbacks callbacks{
      .on_text = [&](std::string_view text) { got.text += text; },
      .on_note = [&](std::string_view note) { got.notes.emplace_back(note); }};
  const auto done = engine::Generate(files, threads, kPrompt, options, callbacks);
  if (done.ok())
    got.experts = done->experts;
  else
    got.error = done.error().what;
  return got;
}

engine::GenerateOptions Options(const std::string& profile) {
  engine::GenerateOptions options;
  options.stop.max_tokens = 60;
  options.stop.ignore_eos = true;
  options.experts_profile = profile;
  return options;
}

TEST(DiskRun, TheTextIsThatOfTheMappedModel) {
  const TempFolder folder;
  const engine::ModelFiles mapped = engine::OpenModel(EmbeddedFolder()).value();
  const engine::ModelFiles disk =
      engine::OpenModel(EmbeddedFolder(), {.experts = engine::ExpertsFrom::kDisk}).value();
  const Text want = TextOf(mapped, Options(""));
  EXPECT_FALSE(want.experts.has_value());
  ASSERT_NE(want.text, "");

  const std::string profile = folder.File("profile.json");
  const Text first = TextOf(disk, Options(profile));
  EXPECT_EQ(first.error, "");
  EXPECT_EQ(first.text, want.text);
  ASSERT_TRUE(first.experts.has_value());
  EXPECT_GT(first.experts->guessed_right, 0u);
  ASSERT_EQ(first.notes.size(), 1u);
  EXPECT_EQ(first.notes[0].find("experts are read from disk as they are wanted: "), 0u);
  ASSERT_TRUE(fs::exists(profile));

  // What was learnt is there again: the hottest are read before they are wanted.
  const Text second = TextOf(disk, Options(profile));
  EXPECT_EQ(second.text, want.text);
  EXPECT_EQ(second.notes.size(), 1u);
}

TEST(DiskRun, AProfileThatCannotBeKeptIsToldBeforeTheText) {
  const TempFolder folder;
  const engine::ModelFiles disk =
      engine::OpenModel(EmbeddedFolder(), {.experts = engine::ExpertsFrom::kDisk}).value();
  const Text none = TextOf(disk, Options(folder.File("nowhere/profile.json")));
  EXPECT_EQ(none.text, "");
  EXPECT_EQ(none.error,
            folder.File("nowhere/profile.json") + ": cannot create it: No such file or directory");
}

// Every expert comes anew.
TEST(DiskRun, AsLittleMemoryAsThereMayBeIsEnough) {
#if defined(HADAL_SANITIZED)
  GTEST_SKIP() << "what a sanitizer holds grows from one look to the next";
#endif
  const engine::ModelFiles disk =
      engine::OpenModel(EmbeddedFolder(), {.experts = engine::ExpertsFrom::kDisk}).value();
  const TempFolder folder;
  const arch::KvLayout layout(disk.model.config, arch::Numerics::Stored());
  engine::GenerateOptions tight = Options(folder.File("profile.json"));
  const Text want = TextOf(disk, tight);
  tight.prefill_chunk = 4;
  tight.ram_bytes =
      engine::PlanFootprint(disk.model, layout, {.tokens = 100, .chunk_tokens = 4, .threads = 2})
          .total() +
      500'000;
  const Text least = TextOf(disk, tight);
  EXPECT_EQ(least.error, "");
  EXPECT_EQ(least.text, want.text);
  EXPECT_LT(least.experts->slots, want.experts->slots);
  tight.ram_bytes = 1'000'000;
  const Text refused = TextOf(disk, tight);
  for (const char* part : {"this needs ", "dense weights", " experts, at least", "scratch", "all"})
    EXPECT_NE(refused.error.find(part), std::string::npos) << part << " in\n" << refused.error;
}

TEST(DiskRun, AProfileOfAnotherCheckpointIsNotUsed) {
  const TempFolder folder;
  const std::string profile = folder.File("profile.json");
  const engine::ModelFiles disk =
      engine::OpenModel(EmbeddedFolder(), {.experts = engine::ExpertsFrom::kDisk}).value();
  ASSERT_EQ(TextOf(disk, Options(profile)).error, "");
  std::string text = io::ReadFile(profile).value();
  const std::size_t at = text.find("\"checkpoint\":\"") + 14;
  text[at] = text[at] == '0' ? '1' : '0';
  for (const std::string& other : {text, std::string("{}"), std::string("not JSON")}) {
    ASSERT_TRUE(io::WriteFile(profile, other).ok());
    const Text got = TextOf(disk, Options(profile));
    EXPECT_EQ(got.error, "");
    ASSERT_EQ(got.notes.size(), 2u) << other.substr(0, 80);
    EXPECT_NE(got.notes[1].find("it is not used, nor written"), std::string::npos);
    EXPECT_EQ(io::ReadFile(profile).value(), other);  // somebody else's
  }
}

TEST(DiskRun, AutoReadsFromDiskWhatDoesNotFit) {
  const std::uint64_t weights =
      engine::OpenModel(EmbeddedFolder()).value().model.checkpoint().tensor_bytes();
  const auto opened = [](std::uint64_t ram) {
    return engine::OpenModel(EmbeddedFolder(),
                             {.experts = engine::ExpertsFrom::kAuto, .ram_bytes = ram});
  };
  EXPECT_TRUE(opened(2 * weights)->model.checkpoint().mapped());
#if defined(HADAL_SANITIZED)
  GTEST_SKIP() << "a sanitizer holds more than the weights";
#endif
  const auto refused = opened(AnonymousResidentBytes() + 1000);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().what.find("of the budget's "), std::string::npos)
      << refused.error().what;
  EXPECT_NE(refused.error().what.find("which stay in memory"), std::string::npos)
      << refused.error().what;
}

// A model of 200 MB, nearly all of it experts, that speaks the embedded one's tokens.
std::string MakeLargeModel(const TempFolder& folder) {
  const std::string out = folder.File("large");
  Json json = ParseJson(io::ReadFile(EmbeddedFolder() + "/config.json").value()).value();
  json.Set("hidden_size", 512);
  json.Set("moe_intermediate_size", 1024);
  json.Set("n_routed_experts", 48);
  json.Set("num_experts_per_tok", 4);
  const arch::Config config = arch::ParseConfig(json).value();
  Threads threads(2);
  HADAL_CHECK(
      convert::WriteRandomCheckpoint(config, out, {.write = {.quiet = true}}, threads).ok());
  for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
    fs::copy_file(EmbeddedFolder() + "/" + file, out + "/" + file);
  return out;
}

std::uint64_t ResidentBytesOf(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return 1024 * std::strtoull(line.c_str() + 6, nullptr, 10);
  return 0;
}

// Resident memory and the weights' part of the page cache, all the time that it runs; and, where
// control groups may be made, in one whose limit ends what needs more.
TEST(DiskRun, TheBudgetIsNeverExceeded) {
#if defined(HADAL_SANITIZED)
  GTEST_SKIP() << "a sanitizer's own memory is not the program's";
#endif
  constexpr std::uint64_t kBudget = 100'000'000;
  const TempFolder folder;
  const std::string model = MakeLargeModel(folder), weights = model + "/model.safetensors";
  ASSERT_GT(fs::file_size(weights), 2 * kBudget);
  DropFromCache(weights);
  const std::uint64_t before = CachedBytes(weights);
  tests::MemoryGroup group(kBudget);
  Program program("hadal", {"run", "-m", model, "-p", kPrompt, "--max-tokens", "60", "--ignore-eos",
                            "--ram", std::to_string(kBudget), "--threads", "2", "--json"});
  ASSERT_TRUE(!group.works() || group.Take(program.id()));
  std::uint64_t most = 0;
  while (!program.HasEnded()) {
    const std::uint64_t cached = CachedBytes(weights);
    most = std::max(most, ResidentBytesOf(program.id()) + cached - std::min(cached, before));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ASSERT_EQ(program.Wait(), 0) << program.errors();
  EXPECT_LE(most, kBudget);
  EXPECT_GT(most, kBudget / 2);  // it was used
  EXPECT_NE(program.errors().find("experts are read from disk"), std::string::npos);
  const Json json = ParseJson(program.out()).value();
  const Json* experts = json.Find("stats")->Find("experts");
  ASSERT_NE(experts, nullptr);
  EXPECT_GT(*experts->Find("read_bytes")->AsInt(), static_cast<std::int64_t>(kBudget));
}

// A digest of all weights names the states that are kept on disk; it reads every byte, and the
// budget has no place for them.
TEST(DiskRun, TheDigestOfWeightsOnDiskLeavesThePageCacheAsItWas) {
  const TempFolder folder;
  const std::string path = MakeLargeModel(folder), weights = path + "/model.safetensors";
  const engine::ModelFiles files =
      engine::OpenModel(path, {.experts = engine::ExpertsFrom::kDisk}).value();
  DropFromCache(weights);
  const std::uint64_t before = CachedBytes(weights);
  std::uint64_t read = 0;
  const auto cache = engine::OpenDiskCache(
      files.model, "large",
      {.folder = folder.File("states"),
       .on_reading = [&](std::uint64_t done, std::uint64_t) { read = done; }});
  ASSERT_TRUE(cache.ok()) << cache.error().what;
  EXPECT_EQ(read, fs::file_size(weights));
  EXPECT_LT(CachedBytes(weights), before + 10'000'000);
}

// Looks at this process and at the weights' part of the page cache until it ends.
class Watch {
 public:
  explicit Watch(std::string weights)
      : weights_(std::move(weights)), before_(CachedBytes(weights_)), thread_([this] { Look(); }) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() { End(); }
  std::uint64_t End() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
    return most_;
  }

 private:
  void Look() {
    while (!over_) {
      const std::uint64_t cached = CachedBytes(weights_);
      most_ = std::max(most_, ResidentBytes() + cached - std::min(cached, before_));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  const std::string weights_;
  const std::uint64_t before_;
  std::atomic<bool> over_{false};
  std::uint64_t most_ = 0;
  std::thread thread_;
};

// Texts come and go, their states are kept and dropped, and experts have what is left: of one
// budget, whoever has it at the moment.
TEST(DiskRun, TheBudgetIsNotExceededWherePrefixesAndExpertsShare) {
#if defined(HADAL_SANITIZED)
  GTEST_SKIP() << "a sanitizer's own memory is not the program's";
#endif
  constexpr std::uint64_t kPrefixes = 20'000'000, kTexts = 8;
  const TempFolder folder;
  const std::string path = MakeLargeModel(folder), weights = path + "/model.safetensors";
  const engine::ModelFiles files =
      engine::OpenModel(path, {.experts = engine::ExpertsFrom::kDisk}).value();
  DropFromCache(weights);
  const arch::KvLayout layout(files.model.config, arch::Numerics::Stored());
  ReturnFreeMemory();
  const std::uint64_t budget = ResidentBytes() + 90'000'000;
  Watch watch(weights);
  Threads threads(2);
  const auto plan = engine::PlanMemory(
      files.model, layout,
      {.tokens = 2000, .sequences = 2, .chunk_tokens = 64, .threads = 2, .prefix_bytes = kPrefixes},
      256, budget);
  ASSERT_TRUE(plan.ok()) << plan.error().what;
  EXPECT_EQ(plan->loan_bytes, kPrefixes);
  auto scheduler = engine::Scheduler::Create(
                       files.model, threads,
                       {.max_rows = plan->rows,
                        .max_running = 2,
                        .state_bytes = plan->footprint.state(),
                        .keep_prefixes = true,
                        .experts = {.bytes = plan->expert_bytes, .loan_bytes = plan->loan_bytes}})
                       .value();
  const std::uint64_t all = scheduler->expert_figures()->slots;
  std::uint64_t least = all, grown = 0, before = all;
  for (std::uint64_t text = 0; text < kTexts; ++text) {
    engine::Request request{.tokens = std::vector<std::int32_t>(700, 5)};
    for (std::size_t i = 300; i < 700; ++i)
      request.tokens[i] = static_cast<std::int32_t>(300 + (i * (1 + text % 6)) % 1000);
    request.stop.max_tokens = 12;
    request.stop.ignore_eos = true;
    std::size_t ended = 0;
    for (int twice = 0; twice < 2; ++twice) {
      request.on_end = [&](const engine::Outcome& outcome) {
        EXPECT_FALSE(outcome.error) << outcome.error->what;
        ++ended;
      };
      ASSERT_TRUE(scheduler->Add(request).ok());
    }
    while (ended < 2) {
      scheduler->Step();
      const model::DiskExpertFigures experts = *scheduler->expert_figures();
      EXPECT_LE(experts.slots * experts.slot_bytes + scheduler->pool()->used_bytes(),
                plan->expert_bytes + plan->footprint.state());
      least = std::min(least, experts.slots);
      grown += experts.slots > before ? 1 : 0;
      before = experts.slots;
    }
  }
  const std::uint64_t most = watch.End();
  EXPECT_LE(most, budget);
  EXPECT_GT(most, budget - 40'000'000);  // it was used
  EXPECT_LT(least, all);
  EXPECT_GT(grown, 0u);
  EXPECT_GT(scheduler->prefix_figures().hits, 0u);
}

}  // namespace
}  // namespace hadal
