#include "train/v4_model.h"

#include <gtest/gtest.h>

#include <set>

#include "train/initial_values.h"
#include "train/tiny_model_test.h"

namespace hadal::train {
namespace {

using torch::Tensor;

constexpr Attention kModes[] = {Attention::kDense, Attention::kWarmup, Attention::kSparse};

Batch Part(const Batch& batch, std::int64_t begin, std::int64_t end) {
  return {batch.ids.slice(1, begin, end).contiguous(),
          batch.documents.slice(1, begin, end).contiguous()};
}

double Largest(const Tensor& difference) { return difference.abs().max().item<double>(); }

TEST(V4Model, DocumentsOfARowDoNotSeeEachOther) {
  const torch::NoGradGuard no_grad;
  const arch::Config config = TinyConfig();
  V4Model model = TinyModel(config, torch::kDouble);
  const Batch packed = TinyBatch(config, {{133, 6, 150}});
  for (const Attention mode : kModes) {
    ForwardOptions options;
    options.attention = mode;
    const Output whole = model->Forward(packed, options);
    std::int64_t begin = 0;
    for (const std::int64_t length : {133, 6, 150}) {
      const Output alone = model->Forward(Part(packed, begin, begin + length), options);
      const Tensor logits = whole.logits.slice(1, begin, begin + length);
      EXPECT_LT(Largest(logits - alone.logits), 1e-12) << begin;
      // MTP reads one token ahead, which the last position of a document does not have.
      const Tensor mtp = whole.mtp_logits.slice(1, begin, begin + length - 1);
      EXPECT_LT(Largest(mtp - alone.mtp_logits.slice(1, 0, length - 1)), 1e-12) << begin;
      begin += length;
    }
  }
}

TEST(V4Model, LogitsDoNotDependOnLaterTokens) {
  const torch::NoGradGuard no_grad;
  const arch::Config config = TinyConfig();
  V4Model model = TinyModel(config, torch::kDouble);
  const Batch batch = TinyBatch(config, {{260}});
  ForwardOptions options;
  options.attention = Attention::kSparse;
  const Output whole = model->Forward(batch, options);
  for (const std::int64_t end : {1, 3, 4, 5, 127, 128, 129, 255, 256}) {
    const Output part = model->Forward(Part(batch, 0, end), options);
    EXPECT_LT(Largest(whole.logits.slice(1, 0, end) - part.logits), 1e-12) << end;
  }
}

TEST(V4Model, SparseIsDenseWhileEverythingVisibleIsChosen) {
  const torch::NoGradGuard no_grad;
  arch::Config config = TinyConfig();
  config.index_topk = 64;
  V4Model model = TinyModel(config, torch::kDouble);
  const Batch batch = TinyBatch(config, {{140}, {70, 70}});
  const Output dense = model->Forward(batch, {.attention = Attention::kDense});
  const Output warmup = model->Forward(batch, {.attention = Attention::kWarmup});
  const Output sparse = model->Forward(batch, {.attention = Attention::kSparse});
  EXPECT_TRUE(torch::equal(dense.logits, sparse.logits));
  EXPECT_TRUE(torch::equal(dense.logits, warmup.logits));
  EXPECT_TRUE(torch::equal(warmup.indexer_loss, sparse.indexer_loss));
  EXPECT_GT(warmup.indexer_loss.item<double>(), 0);
  EXPECT_EQ(dense.indexer_loss.item<double>(), 0);
}

// What is not selected has no mass: over all entries the loss asks to lower its score.
TEST(V4Model, TheIndexersLossMayCountEntriesThatWereNotSelected) {
  arch::Config config = TinyConfig();
  config.index_topk = 2;
  V4Model model = TinyModel(config, torch::kDouble);
  const Batch batch = TinyBatch(config, {{140}});
  const auto loss = [&](bool all) {
    return model->Forward(batch, {.attention = Attention::kSparse, .indexer_sees_all = all});
  };
  const Output selected = loss(false), all = loss(true);
  EXPECT_TRUE(torch::equal(selected.logits, all.logits));
  // The softmax over more entries gives each of the selected ones less.
  EXPECT_GT(all.indexer_loss.item<double>(), selected.indexer_loss.item<double>() + 0.1);
  all.indexer_loss.backward();
  bool reached = false;
  for (const auto& item : model->named_parameters())
    reached |= item.key().find("indexer") != std::string::npos && item->grad().defined() &&
               item->grad().abs().sum().item<double>() > 0;
  EXPECT_TRUE(reached);
}

// In BF16 every product rounds its inputs and its result to 8 bits: 2^-9 each time. The signs of a
// few experts' choices may change, so most positions are compared, not all.
TEST(V4Model, Bf16ProductsStayNearFloat32) {
  if (FastestProducts() != Products::kBf16) GTEST_SKIP() << "the processor has no BF16 products";
  const arch::Config config = TinyConfig();
  V4Model model = TinyModel(config, torch::kFloat);
  const Batch batch = TinyBatch(config, {{140}, {70, 70}});
  std::vector<Tensor> logits, gradients;
  for (const Products products : {Products::kF32, Products::kBf16}) {
    for (Tensor& parameter : model->parameters()) parameter.mutable_grad() = Tensor();
    const Output out = model->Forward(batch, {.products = products});
    torch::nn::functional::cross_entropy(out.logits.flatten(0, 1), batch.ids.flatten()).backward();
    logits.push_back(out.logits);
    gradients.push_back(model->named_parameters()["layers.2.attn.wq_b.weight"].grad());
  }
  const Tensor error = (logits[1] - logits[0]).norm(2, -1) / logits[0].norm(2, -1).clamp_min(1e-6);
  EXPECT_GT(error.max().item<double>(), 1e-4);  // they do round
  EXPECT_LT(error.flatten().median().item<double>(), 0.05);
  const double cosine = (gradients[0] * gradients[1]).sum().item<double>() /
                        (gradients[0].norm() * gradients[1].norm()).item<double>();
  EXPECT_GT(cosine, 0.98);
}

TEST(V4Model, OutputShapesAndLoads) {
  const arch::Config config = TinyConfig();
  V4Model model = TinyModel(config, torch::kFloat);
  const Batch batch = TinyBatch(config, {{7}, {7}});  // no entry of ratio 128, one of ratio 4
  const Output out = model->Forward(batch, {});
  EXPECT_EQ(out.logits.sizes(), (std::vector<std::int64_t>{2, 7, 24}));
  EXPECT_EQ(out.mtp_logits.sizes(), (std::vector<std::int64_t>{2, 7, 24}));
  EXPECT_EQ(out.expert_load.sizes(), (std::vector<std::int64_t>{5, 5}));
  for (std::int64_t layer = 0; layer < 5; ++layer)
    EXPECT_EQ(out.expert_load[layer].sum().item<std::int64_t>(), 2 * 7 * 2);
  const Output plain = model->Forward(batch, {.mtp = false});
  EXPECT_FALSE(plain.mtp_logits.defined());
  EXPECT_TRUE(torch::equal(plain.logits, out.logits));
  EXPECT_EQ(plain.expert_load[4].sum().item<std::int64_t>(), 0);
}

TEST(V4Model, GateBiasMovesAgainstTheLoad) {
  V4Model model(TinyConfig(), 1, 0.02);
  const Tensor load = torch::tensor(
      {{0, 0, 0, 0, 0}, {4, 4, 4, 8, 0}, {4, 4, 4, 4, 4}, {20, 0, 0, 0, 0}, {0, 20, 0, 0, 0}},
      torch::kLong);
  model->UpdateGateBias(load, 0.5);
  const auto buffers = model->named_buffers();
  EXPECT_TRUE(torch::equal(buffers["layers.1.ffn.gate.bias"],
                           torch::tensor({0.0f, 0.0f, 0.0f, -0.5f, 0.5f})));
  EXPECT_TRUE(torch::equal(buffers["layers.2.ffn.gate.bias"], torch::zeros(5)));
  EXPECT_TRUE(
      torch::equal(buffers["mtp.0.ffn.gate.bias"], torch::tensor({0.5f, -0.5f, 0.5f, 0.5f, 0.5f})));
}

TEST(V4Model, StartsTheSameFromTheSameSeed) {
  V4Model a(TinyConfig(), 1, 0.02), b(TinyConfig(), 1, 0.02), c(TinyConfig(), 2, 0.02);
  const auto other = b->named_parameters(), third = c->named_parameters();
  for (const auto& item : a->named_parameters())
    EXPECT_TRUE(torch::equal(*item, other[item.key()])) << item.key();
  EXPECT_FALSE(torch::equal(a->named_parameters()["embed.weight"], third["embed.weight"]));
  EXPECT_NEAR(other["layers.1.ffn.experts.w1"].std().item<double>(), 0.02, 0.001);
}

TEST(HashTable, IsBalancedAndDistinct) {
  for (const auto& [chosen, experts] : {std::pair{2, 8}, {2, 5}, {6, 6}, {3, 16}}) {
    const std::int64_t vocab = 1000;
    const Tensor table = HashTable(vocab, chosen, experts, 0);
    const Tensor counts = table.flatten().bincount({}, experts);
    const double fair = static_cast<double>(vocab * chosen) / experts;
    EXPECT_LT(Largest(counts.to(torch::kDouble) - fair), 0.15 * fair + 2);
    for (std::int64_t token = 0; token < vocab; ++token) {
      std::set<std::int64_t> row;
      for (std::int64_t j = 0; j < chosen; ++j) row.insert(table[token][j].item<std::int64_t>());
      ASSERT_EQ(row.size(), static_cast<std::size_t>(chosen));
    }
    EXPECT_FALSE(torch::equal(table, HashTable(vocab, chosen, experts, 1)));
  }
}

}  // namespace
}  // namespace hadal::train
