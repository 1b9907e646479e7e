// A run of seconds with everything that a run has: text, tokenizer, model and settings. Tests only.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "arch/config.h"
#include "base/random.h"
#include "io/file.h"
#include "testing/temp_folder.h"
#include "text/bpe_trainer.h"

namespace hadal::train {

inline std::string Story(Random* random) {
  const std::vector<std::string> who = {"The fox", "A sailor", "My aunt", "The old king", "Nobody"};
  const std::vector<std::string> does = {"found", "sold", "feared", "painted", "followed"};
  const std::vector<std::string> what = {"a lamp", "the river", "seven stones", "a letter",
                                         "the moon"};
  const auto one_of = [&](const auto& words) { return words[random->Below(words.size())]; };
  std::string story;
  for (std::size_t i = 0; i < 6 + random->Below(20); ++i) {
    story += one_of(who) + " ";
    story += one_of(does) + " ";
    story += one_of(what) + ". ";
  }
  return story;
}

inline arch::Config TinyRunConfig() {
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

inline constexpr char kTinyRun[] = R"(
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

inline void WriteInputs(const testing::TempFolder& folder) {
  Random random(5);
  std::string stories;
  for (int i = 0; i < 60; ++i) stories += Story(&random) + "\n--\n";
  text::BpeTrainOptions bpe;
  bpe.vocab_size = 320;
  bpe.leading_tokens = {"<bos>", "<eos>", "<pad>"};
  const auto tokenizer = text::TrainBpe({stories}, bpe, {});
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().what;
  const std::string config = arch::ConfigToJson(TinyRunConfig(), false).Dump(2);
  ASSERT_TRUE(io::WriteFile(folder.File("stories.txt"), stories).ok());
  ASSERT_TRUE(io::WriteFile(folder.File("tokenizer.json"), *tokenizer).ok());
  ASSERT_TRUE(io::WriteFile(folder.File("config.json"), config).ok());
  ASSERT_TRUE(io::WriteFile(folder.File("train.toml"), kTinyRun).ok());
}

}  // namespace hadal::train
