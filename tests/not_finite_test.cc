// One NaN in one weight ends a request with an error, whichever weight it is and whichever row it
// touches: also where a key that is no number would only lose the choice, or where formats of
// entries have no code for it. On small models of both architectures.
#include <gtest/gtest.h>

#include <cstring>

#include "engine/scheduler.h"
#include "io/file.h"
#include "walker.h"

namespace hadal::tests {
namespace {

class NotFiniteTest : public ::testing::TestWithParam<Small> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(WriteSmall(GetParam(), folder_.path()).ok());
    const auto checkpoint = io::Checkpoint::Open(folder_.path());
    ASSERT_TRUE(checkpoint.ok());
    for (const std::string& name : checkpoint->Names()) names_.push_back(name);
  }

  // The tokens of a text; 7 is the third of them and none of the others.
  static Tokens Prompt() {
    Tokens tokens(150);
    for (std::size_t i = 0; i < tokens.size(); ++i)
      tokens[i] = static_cast<std::int32_t>(8 + i * i % (kVocab - 8));
    tokens[2] = 7;
    return tokens;
  }

  // What comes of it, in passes of so many rows: an error, or none.
  std::optional<Error> Run(std::size_t rows) const {
    auto checkpoint = io::Checkpoint::Open(folder_.path());
    if (!checkpoint.ok()) return checkpoint.error();
    const auto model = model::Model::Load(std::move(*checkpoint));
    if (!model.ok()) return model.error();
    Threads threads(2);
    auto scheduler = engine::Scheduler::Create(*model, threads, {.max_rows = rows}).value();
    engine::Request request;
    request.tokens = Prompt();
    request.stop.max_tokens = 3;
    request.sample.temperature = 0;
    std::optional<engine::Outcome> end;
    request.on_end = [&end](engine::Outcome outcome) { end = std::move(outcome); };
    HADAL_CHECK(scheduler->Add(std::move(request)).ok());
    while (!end) scheduler->Step();
    EXPECT_EQ(end->state.has_value(), !end->error.has_value());  // else there is what can be saved
    return end->error;
  }

  // A NaN for element `at` while it runs. Absent: a format that this does not damage.
  std::optional<std::optional<Error>> RunWithNan(const std::string& name, std::size_t at,
                                                 std::size_t rows) const {
    const std::string path = folder_.File("model.safetensors");
    const std::string whole = io::ReadFile(path).value();
    std::uint64_t header = 0;
    std::memcpy(&header, whole.data(), sizeof(header));
    const Json json = ParseJson(std::string_view(whole).substr(8, header)).value();
    const Json& tensor = *json.Find(name);
    const std::string& dtype = *tensor.Find("dtype")->AsString();
    const std::string nan = dtype == "F32"       ? std::string("\x00\x00\xC0\x7F", 4)
                            : dtype == "BF16"    ? std::string("\xC0\x7F", 2)
                            : dtype == "F8_E8M0" ? std::string("\xFF", 1)
                                                 : "";
    if (nan.empty()) return {};
    const std::uint64_t begin = *(*tensor.Find("data_offsets")->AsArray())[0].AsUnsigned();
    std::string damaged = whole;
    damaged.replace(8 + header + begin + at * nan.size(), nan.size(), nan);
    HADAL_CHECK(io::WriteFile(path, damaged).ok());
    const std::optional<Error> error = Run(rows);
    HADAL_CHECK(io::WriteFile(path, whole).ok());
    return error;
  }

  testing::TempFolder folder_;
  std::vector<std::string> names_;
};

TEST_P(NotFiniteTest, AWholeModelGivesNone) { EXPECT_FALSE(Run(64)); }

TEST_P(NotFiniteTest, ANaNInAnyWeightIsAnError) {
  std::size_t damaged = 0, of_indexers = 0;
  const std::string mtp_block =
      fmt::format("layers.{}.", SmallModel(GetParam()).config.num_hidden_layers);
  for (const std::string& name : names_) {
    // What no token of the text asks for, and what only guesses come of.
    if (name.find("experts.") != name.npos || name.find("embed") != name.npos ||
        name.find("mtp") != name.npos || name.find(mtp_block) != name.npos)
      continue;
    const auto error = RunWithNan(name, 0, 64);
    if (!error) continue;
    ++damaged;
    of_indexers += name.find("indexer") != name.npos ? 1 : 0;
    ASSERT_TRUE(*error) << name;
    EXPECT_EQ((*error)->code, Code::kCorrupt) << name << ": " << (*error)->what;
  }
  EXPECT_GT(damaged, 20u);
  EXPECT_GT(of_indexers, 2u);
}

TEST_P(NotFiniteTest, ANaNInAnEarlyRowIsFoundThere) {
  for (const std::string& name : names_) {
    if (!name.ends_with("embed.weight") && !name.ends_with("embed_tokens.weight")) continue;
    const std::size_t width = SmallModel(GetParam()).config.hidden_size;
    for (const std::size_t rows : {1u, 7u, 150u}) {
      const auto error = RunWithNan(name, 7 * width + 3, rows);
      ASSERT_TRUE(error && *error) << rows;
      EXPECT_EQ((*error)->what.find("position 2: not a finite number in "), 0u) << (*error)->what;
    }
    return;
  }
  FAIL() << "no embedding";
}

std::string NameOfSmall(const ::testing::TestParamInfo<Small>& small) {
  constexpr const char* kNames[] = {"Plain", "Published", "V32", "V32ExactScales"};
  return kNames[static_cast<std::size_t>(small.param)];
}

INSTANTIATE_TEST_SUITE_P(Models, NotFiniteTest,
                         ::testing::Values(Small::kPlain, Small::kPublished, Small::kV32,
                                           Small::kV32ExactScales),
                         NameOfSmall);

}  // namespace
}  // namespace hadal::tests
