#include "train/run_data.h"

#include <gtest/gtest.h>

#include "train/tiny_run_test.h"

namespace hadal::train {
namespace {

std::size_t CountWeights(const Corpus& corpus, float weight) {
  return static_cast<std::size_t>(std::ranges::count(corpus.weights, weight));
}

// The loss on held-out text stays what it is.
TEST(RunData, AnswersHaveTheirWeightInTrainingAlone) {
  const testing::TempFolder folder;
  ASSERT_NO_FATAL_FAILURE(WriteInputs(folder));
  const std::string marked = "Who sold it? \x02The fox.\x03\n--\nA sailor sold a lamp.\n";
  for (const char* name : {"marked.txt", "heldout.txt"})
    ASSERT_TRUE(io::WriteFile(folder.File(name), marked).ok());
  auto config = ReadTrainConfig(folder.File("train.toml"), {{"data.train", "[\"marked.txt\"]"},
                                                            {"data.heldout", "[\"heldout.txt\"]"},
                                                            {"loss.answers", "8.0"}});
  ASSERT_TRUE(config.ok()) << config.error().what;
  const auto data = ReadRunData(*config, TinyRunConfig(), 1);
  ASSERT_TRUE(data.ok()) << data.error().what;
  EXPECT_GT(CountWeights(data->train, 8), 3u);
  EXPECT_GT(CountWeights(data->train, 1), 3u);
  EXPECT_EQ(CountWeights(data->heldout, 8), 0u);
  EXPECT_EQ(CountWeights(data->heldout, 1),
            CountWeights(data->train, 1) + CountWeights(data->train, 8));
}

}  // namespace
}  // namespace hadal::train
