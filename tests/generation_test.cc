// Generation interrupted and resumed equals generation that never stopped, and budgets hold. With
// the embedded model: the only one with a tokenizer.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "base/progress.h"
#include "engine/footprint.h"
#include "engine/generation_note.h"
#include "engine/generator.h"
#include "engine/model_files.h"
#include "eval/perplexity.h"
#include "io/file.h"
#include "testing/sanitized.h"
#include "testing/source_file.h"
#include "testing/temp_folder.h"

namespace hadal::engine {
namespace {

constexpr const char* kPrompt =
    "It was a fine morning, and the old king walked down to the river with his three daughters. "
    "The eldest carried a basket, the second a book, and the youngest a small grey cat. ";

class GenerationTest : public ::testing::Test {
 protected:
  GenerationTest() {
    files_.emplace(OpenModel(testing::EmbeddedFolder()).value());
    for (int i = 0; i < 6; ++i) prompt_ += kPrompt;  // beyond a page
  }

  struct Outcome {
    std::string text, error;
    std::vector<std::int32_t> ids;  // if log-probabilities were asked for
    GenerateResult result;
    std::size_t read = 0;  // of the prompt
    std::uint64_t most_memory = 0;
  };
  // Cancels before the stop-th forward pass of the prompt, or after so many characters.
  Outcome Run(GenerateOptions options, const std::string& resume, int stop_pass,
              std::size_t stop_bytes) {
    std::atomic<bool> cancel{false};
    options.cancel = &cancel;
    Outcome outcome;
    int passes = 0;
    const GenerateCallbacks callbacks{
        .on_prefill =
            [&](std::size_t done, std::size_t) {
              outcome.read = done;
              if (++passes == stop_pass) cancel = true;
            },
        .on_text =
            [&](std::string_view text) {
              outcome.text += text;
              outcome.most_memory = std::max(outcome.most_memory, AnonymousResidentBytes());
              if (outcome.text.size() >= stop_bytes) cancel = true;
            },
        .on_logprobs =
            [&](const Logprobs& of_token) { outcome.ids.push_back(of_token.chosen.id); }};
    Threads threads(2);
    auto done = resume.empty() ? Generate(*files_, threads, prompt_, options, callbacks)
                               : ResumeGeneration(*files_, threads, resume, options, callbacks);
    if (done.ok())
      outcome.result = *done;
    else
      outcome.error = done.error().what;
    return outcome;
  }
  Outcome Run(const GenerateOptions& options, const std::string& resume = "") {
    return Run(options, resume, 0, 1 << 20);
  }

  static GenerateOptions Options() {
    GenerateOptions options;
    options.sample = {.temperature = 0.9, .top_p = 0.95, .seed = ~std::uint64_t{4}};
    options.stop.max_tokens = 60;
    options.stop.ignore_eos = true;  // only its length ends a text, whatever the model would say
    options.prefill_chunk = 50;
    return options;
  }
  std::optional<ModelFiles> files_;
  std::string prompt_;
  testing::TempFolder folder_;
};

TEST_F(GenerationTest, ResumedInThePromptAndInTheText) {
  const Outcome whole = Run(Options());
  ASSERT_EQ(whole.error, "");
  ASSERT_GT(whole.text.size(), 40u);
  GenerateOptions options = Options();
  options.snapshot = folder_.File("a");
  const Outcome in_prompt = Run(options, "", 2, 1 << 20);
  ASSERT_EQ(in_prompt.error, "");
  EXPECT_EQ(in_prompt.result.reason, FinishReason::kCancelled);
  EXPECT_TRUE(in_prompt.result.snapshot_written);
  EXPECT_EQ(in_prompt.text, "");
  // On, in chunks of another size and with other sampling options, which the snapshot overrules.
  options.prefill_chunk = 31;
  options.sample = {};
  const Outcome in_text = Run(options, folder_.File("a"), 0, 30);
  ASSERT_EQ(in_text.error, "");
  EXPECT_EQ(in_text.result.reason, FinishReason::kCancelled);
  options.snapshot.clear();
  const Outcome end = Run(options, folder_.File("a"));
  ASSERT_EQ(end.error, "");
  EXPECT_EQ(end.text, whole.text);
  EXPECT_EQ(end.result.generated_tokens, whole.result.generated_tokens);
  EXPECT_EQ(end.result.prompt_tokens, whole.result.prompt_tokens);
  EXPECT_EQ(end.result.seed, Options().sample.seed);
}

TEST_F(GenerationTest, ProgressBeginsWhereReadingDoes) {
  GenerateOptions options = Options();
  options.snapshot = folder_.File("a");
  const Outcome first = Run(options, "", 3, 1 << 20);
  ASSERT_TRUE(first.result.snapshot_written);
  ASSERT_GT(first.read, 0u);
  std::vector<std::size_t> done;
  Threads threads(2);
  options.stop.max_tokens = 1;
  const auto resumed =
      ResumeGeneration(*files_, threads, folder_.File("a"), options,
                       {.on_prefill = [&](std::size_t at, std::size_t) { done.push_back(at); }});
  ASSERT_TRUE(resumed.ok()) << resumed.error().what;
  ASSERT_GE(done.size(), 2u);
  EXPECT_EQ(done[0], first.read);
  EXPECT_GT(done[1], first.read);
  EXPECT_EQ(done.back(), resumed->prompt_tokens);
  EXPECT_EQ(resumed->read_tokens, resumed->prompt_tokens - first.read);
}

TEST_F(GenerationTest, GoesOnBehindMaxTokens) {
  const Outcome whole = Run(Options());
  GenerateOptions options = Options();
  options.stop.max_tokens = 17;
  options.snapshot = folder_.File("a");
  const Outcome first = Run(options);
  ASSERT_TRUE(first.result.snapshot_written) << first.error;
  EXPECT_EQ(whole.text.find(first.text.substr(0, first.text.size() / 2)), 0u);
  options.stop.max_tokens = 60;
  options.snapshot.clear();
  EXPECT_EQ(Run(options, folder_.File("a")).text, whole.text);
}

TEST_F(GenerationTest, BudgetsAreCheckedFirstAndKept) {
  GenerateOptions options = Options();
  options.ram_bytes = 1'000'000;
  const Outcome refused = Run(options);
  EXPECT_EQ(refused.error.find("this needs "), 0u) << refused.error;
  for (const char* row : {"weights, mapped", "pages of 1 x ", "scratch", "program", "all"})
    EXPECT_NE(refused.error.find(row), std::string::npos) << row << " in\n" << refused.error;
  EXPECT_EQ(refused.text, "");

  const arch::KvLayout layout(files_->model.config, arch::Numerics::Stored());
  const auto plan_of = [&](std::uint64_t tokens) {
    return PlanFootprint(files_->model, layout,
                         {.tokens = tokens, .chunk_tokens = 50, .threads = 2});
  };
  const std::size_t prompt = Run(Options()).result.prompt_tokens;
  const Footprint plan = plan_of(prompt + 60);
  const Outcome free = Run(Options());
  EXPECT_EQ(plan.scratch, free.result.scratch_bytes);
  EXPECT_GE(plan_of(1'000'000).program, plan.program + 8'000'000);  // ids, and ids in a snapshot
  EXPECT_GE(plan.state(), free.result.state_bytes);
  EXPECT_LE(plan.state(), free.result.state_bytes + layout.page_bytes);
#if !defined(HADAL_SANITIZED)
  // Seen while it ran, and without most of the reserve, which is for what is not counted one by
  // one.
  EXPECT_GT(free.most_memory, plan.taken);
  EXPECT_LE(free.most_memory, plan.taken + plan.ahead() - 12'000'000);
#endif
  // Planned anew: what the runs before have left in the heap is the process's too.
  options.ram_bytes = plan_of(prompt + 60).total() + 1'000'000;
  const Outcome fits = Run(options);
  EXPECT_EQ(fits.error, "");
  EXPECT_EQ(fits.text, free.text);
  // Resuming obeys a budget too. What is resumed is written without one: the budget above was
  // planned before `fits` ran, and a sanitizer keeps what that run gave back.
  options.ram_bytes = std::nullopt;
  options.snapshot = folder_.File("a");
  ASSERT_TRUE(Run(options).result.snapshot_written);
  options.ram_bytes = 1'000'000;
  EXPECT_EQ(Run(options, folder_.File("a")).error.find("this needs "), 0u);
  Threads threads(2);
  const std::vector<text::TokenId> tokens = files_->tokenizer.Encode(prompt_);
  const auto perplexity = eval::Perplexity(files_->model, files_->tokenizer, threads, tokens,
                                           {.context = 100, .ram_bytes = 1'000'000}, {});
  ASSERT_FALSE(perplexity.ok());
  EXPECT_EQ(perplexity.error().code, Code::kExhausted);
}

TEST_F(GenerationTest, PromptTokensCutThePrompt) {
  GenerateOptions options = Options();
  options.prompt_tokens = 130;
  options.stop.max_tokens = 1;
  EXPECT_EQ(Run(options).result.prompt_tokens, 130u);
}

// What is not asked for is never refused: the default ends where the context does.
TEST_F(GenerationTest, TheDefaultLimitIsTheRoomThatIsLeft) {
  GenerateOptions options = Options();
  options.stop.max_tokens.reset();
  files_->model.config.max_position_embeddings = 12;
  options.prompt_tokens = 10;
  const Outcome outcome = Run(options);
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.result.generated_tokens, 2u);
  options.stop.max_tokens = 3;
  EXPECT_EQ(Run(options).error,
            "10 prompt tokens and 3 to generate are more than the model's context of 12");
  options.stop.max_tokens.reset();
  options.prompt_tokens = 13;
  EXPECT_EQ(Run(options).error,
            "13 prompt tokens and 0 to generate are more than the model's context of 12");
}

TEST_F(GenerationTest, EveryEndOfTheModelEndsTheText) {
  GenerateOptions options = Options();
  options.sample.temperature = 0;
  options.logprobs = 0;
  const Outcome whole = Run(options);
  ASSERT_EQ(whole.ids.size(), 60u);
  files_->eos_ids = {1, whole.ids[30]};
  EXPECT_EQ(Run(options).text, whole.text);  // which ignores them
  options.stop.ignore_eos = false;
  const Outcome ended = Run(options);
  EXPECT_EQ(ended.result.reason, FinishReason::kEos);
  EXPECT_EQ(whole.text.find(ended.text), 0u);
  EXPECT_LT(ended.text.size(), whole.text.size());
}

TEST_F(GenerationTest, DamagedOrForeignSnapshots) {
  GenerateOptions options = Options();
  options.stop.max_tokens = 3;
  options.snapshot = folder_.File("a");
  ASSERT_TRUE(Run(options).result.snapshot_written);
  std::string bytes = io::ReadFile(folder_.File("a")).value();
  bytes[bytes.size() - 100] = static_cast<char>(bytes[bytes.size() - 100] ^ 1);
  ASSERT_TRUE(io::WriteFile(folder_.File("b"), bytes).ok());
  const std::string what = Run(options, folder_.File("b")).error;
  EXPECT_NE(what.find(folder_.File("b") + ": page "), std::string::npos) << what;
  EXPECT_EQ(Run(options, folder_.File("none")).error.find(folder_.File("none")), 0u);
}

// Not after hours of reading.
TEST_F(GenerationTest, ASnapshotThatCannotBeWrittenIsRefusedFirst) {
  GenerateOptions options = Options();
  options.snapshot = folder_.File("none/a");
  const Outcome refused = Run(options);
  EXPECT_EQ(refused.error.find(folder_.File("none/a")), 0u) << refused.error;
  EXPECT_EQ(refused.text, "");
  options.snapshot = folder_.File("a");
  ASSERT_TRUE(io::WriteFile(folder_.File("a"), "older").ok());
  options.prefill_chunk = 0;
  EXPECT_NE(Run(options).error, "");
  EXPECT_EQ(io::ReadFile(folder_.File("a")).value(), "older");
}

TEST(GenerationNote, ComesBackAndRefusesOthers) {
  GenerationNote note{.tokens = {1, 2, 3},
                      .prompt_tokens = 2,
                      .sample = {.temperature = 0.7,
                                 .top_k = 5,
                                 .presence_penalty = 0.25,
                                 .frequency_penalty = -0.5,
                                 .repetition_penalty = 1.1,
                                 .logit_bias = {{.token = 3, .bias = -1.5}},
                                 .seed = ~std::uint64_t{0},
                                 .choice = 2}};
  const GenerationNote back = ReadNote(WriteNote(note), 4).value();
  EXPECT_EQ(back.tokens, note.tokens);
  EXPECT_EQ(back.prompt_tokens, 2u);
  EXPECT_EQ(back.sample.seed, note.sample.seed);
  EXPECT_EQ(back.sample.temperature, 0.7);
  EXPECT_EQ(back.sample.top_k, 5u);
  EXPECT_EQ(back.sample.presence_penalty, 0.25);
  EXPECT_EQ(back.sample.frequency_penalty, -0.5);
  EXPECT_EQ(back.sample.repetition_penalty, 1.1);
  ASSERT_EQ(back.sample.logit_bias.size(), 1u);
  EXPECT_EQ(back.sample.logit_bias[0].token, 3);
  EXPECT_EQ(back.sample.logit_bias[0].bias, -1.5);
  EXPECT_EQ(back.sample.choice, 2u);
  EXPECT_FALSE(ReadNote(WriteNote(note), 3).ok());  // a token of another vocabulary
  EXPECT_FALSE(ReadNote("{}", 4).ok());
  EXPECT_FALSE(ReadNote("nonsense", 4).ok());
  const std::string text = WriteNote(note);
  EXPECT_FALSE(ReadNote(text.substr(0, text.size() - 1), 4).ok());
  EXPECT_FALSE(ReadNote(text + "x", 4).ok());
  EXPECT_FALSE(ReadNote(text.substr(0, text.find('\n')), 4).ok());
  const std::string old = R"({"tokens":0,"prompt_tokens":1,"draws":"9","logits":0})";
  EXPECT_NE(ReadNote(old, 4).error().what.find("version"), std::string::npos);
  note.prompt_tokens = 4;
  EXPECT_NE(ReadNote(WriteNote(note), 4).error().what.find("prompt_tokens"), std::string::npos);
}

// A million tokens are no more in memory than the budget counts for them.
TEST(GenerationNote, IsAsSmallAsItsNumbers) {
  GenerationNote note;
  note.tokens.assign(1'000'000, 99'999);
  note.prompt_tokens = 1;
  const std::string text = WriteNote(note);
  EXPECT_LT(text.capacity(), 4'001'000u);
  EXPECT_EQ(ReadNote(text, 100'000).value().tokens, note.tokens);
}

}  // namespace
}  // namespace hadal::engine
