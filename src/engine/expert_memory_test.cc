#include "engine/expert_memory.h"

#include <gtest/gtest.h>

#include "arch/numerics.h"
#include "engine/model_files.h"
#include "engine/scheduler.h"
#include "model/expert_profile.h"
#include "testing/source_file.h"
#include "testing/temp_folder.h"

namespace hadal::engine {
namespace {

double SumOf(const model::ExpertUses& uses) {
  double sum = 0;
  for (const auto& layer : uses)
    for (const float expert : layer) sum += static_cast<double>(expert);
  return sum;
}

// A program that is killed keeps what was written by then.
TEST(ExpertMemory, KeepsItsProfileWhileItRuns) {
  const testing::TempFolder folder;
  const ModelFiles files =
      OpenModel(testing::EmbeddedFolder(), {.experts = ExpertsFrom::kDisk}).value();
  Threads threads(1);
  SchedulerOptions options;
  options.experts = {
      .bytes = std::uint64_t{1} << 20, .profile = folder.File("uses"), .keep_seconds = 0};
  options.state_bytes = std::uint64_t{64} << 20;
  const auto scheduler = Scheduler::Create(files.model, threads, options).value();
  double before = 0;
  for (int round = 0; round < 2; ++round) {
    Request request{.tokens = {5, 6, 7, 8}};
    request.stop.max_tokens = 2;
    ASSERT_TRUE(scheduler->Add(std::move(request)).ok());
    while (scheduler->Step().running > 0) {
    }
    const auto uses = model::ReadExpertUses(folder.File("uses"));
    ASSERT_TRUE(uses.ok()) << uses.error().what;
    EXPECT_GT(SumOf(*uses), before);
    before = SumOf(*uses);
  }
}

}  // namespace
}  // namespace hadal::engine
