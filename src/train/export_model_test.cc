#include "train/export_model.h"

#include <gtest/gtest.h>

#include "arch/shapes.h"
#include "io/file.h"
#include "testing/temp_folder.h"

namespace hadal::train {
namespace {

TEST(MakeModel, AnArchitectureThatIsNotTrainedIsNamed) {
  const testing::TempFolder folder;
  TrainConfig config;
  config.model.config = folder.File("config.json");
  const std::string json = arch::ConfigToJson(arch::V32Shape(), true).Dump();
  ASSERT_TRUE(io::WriteFile(config.model.config, json).ok());
  const auto model = MakeModel(config);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, Code::kUnsupported);
  EXPECT_EQ(model.error().what, config.model.config +
                                    ": model_type: found \"deepseek_v32\", expected "
                                    "\"deepseek_v4\", which alone the trainer knows");
}

}  // namespace
}  // namespace hadal::train
