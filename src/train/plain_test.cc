// Every operator by its kernels and plainly: results and gradients of random readings of them.
#include "train/plain.h"

#include <gtest/gtest.h>

#include <cmath>

#include "train/adamw.h"
#include "train/attention_core.h"
#include "train/compressor.h"
#include "train/cross_entropy.h"
#include "train/dispatch.h"
#include "train/head_loss.h"
#include "train/hyper_connection.h"
#include "train/indexer.h"
#include "train/linear.h"
#include "train/muon.h"
#include "train/paths_test.h"
#include "train/quantize_ste.h"
#include "train/rms_norm.h"
#include "train/rotary.h"
#include "train/swiglu.h"

namespace hadal::train {
namespace {

using torch::Tensor;
using Tensors = std::vector<Tensor>;

Tensor Randn(const std::vector<std::int64_t>& shape) { return torch::randn(shape, torch::kDouble); }

// Results, then gradients of all inputs; undefined where nothing is learnt from an input.
template <class F>
Tensors Evaluate(const Tensors& values, F&& f) {
  Tensors inputs;
  for (const Tensor& value : values) inputs.push_back(value.detach().clone().requires_grad_());
  const Tensors results = f(inputs);
  torch::manual_seed(5);
  Tensor reading = torch::zeros({}, torch::kDouble);
  for (const Tensor& result : results)
    if (result.requires_grad())
      reading = reading + (result * torch::randn(result.sizes(), result.options())).sum();
  reading.backward();
  Tensors all;
  for (const Tensor& result : results) all.push_back(result.detach());
  for (const Tensor& input : inputs) all.push_back(input.grad());
  return all;
}

void ExpectClose(const Tensors& got, const Tensors& want, double bound) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    ASSERT_TRUE(want[i].defined() && got[i].defined()) << i;
    ASSERT_EQ(got[i].sizes(), want[i].sizes()) << i;
    if (want[i].numel() == 0) continue;
    const double most = want[i].abs().max().item<double>();
    EXPECT_GT(most, 0) << i << ": says nothing";
    EXPECT_LE((got[i] - want[i]).abs().max().item<double>(), bound * most) << i;
  }
}

// f computes from the inputs by whatever is in force.
template <class F>
void ExpectBoth(const Tensors& inputs, F&& f, double bound = 1e-12) {
  const Tensors want = Evaluate(inputs, f);
  const OnPath plainly(Path::kPlain);
  ExpectClose(Evaluate(inputs, f), want, bound);
}

class Plain : public ::testing::Test {
 protected:
  Plain() {
    at::set_num_threads(1);
    torch::manual_seed(1);
  }
};

TEST_F(Plain, RmsNorm) {
  const auto norm = [](const Tensors& in) {
    return Tensors{RmsNorm(in[0], in.size() > 1 ? in[1] : Tensor(), 1e-6)};
  };
  ExpectBoth({Randn({3, 5, 33})}, norm);
  ExpectBoth({Randn({3, 5, 33}), Randn({33})}, norm);
}

TEST_F(Plain, SwiGlu) {
  const auto glu = [](const Tensors& in) {
    return Tensors{SwiGlu(in[0], in[1], in.size() > 2 ? in[2] : Tensor(), 0.7)};
  };
  ExpectBoth({Randn({6, 37}), Randn({6, 37})}, glu);
  ExpectBoth({Randn({6, 37}), Randn({6, 37}), Randn({6})}, glu);
}

TEST_F(Plain, Rotate) {
  const Tensor positions = torch::tensor({{0, 1, 2}, {0, 5, 1}}, torch::kLong);
  const RotaryTable table = MakeRotaryTable({1, 0.3, 0.01}, 6, torch::kDouble);
  for (const bool inverse : {false, true})
    ExpectBoth({Randn({2, 3, 4, 11})}, [&](const Tensors& in) {
      return Tensors{Rotate(in[0], positions, table, inverse)};
    });
}

TEST_F(Plain, DispatchAndGroupedLinear) {
  const Tensor ids = torch::tensor({{0, 3}, {3, 1}, {1, 0}, {3, 0}}, torch::kLong);
  const Dispatch plan = PlanDispatch(ids, 5);  // experts 2 and 4 have no rows
  ExpectBoth({Randn({4, 7}), Randn({5, 6, 7})}, [&](const Tensors& in) {
    const Tensor rows = GatherRows(in[0], plan.tokens, plan.places);
    const Tensor y = GroupedLinear(rows, in[1], plan.offsets, Products::kF32);
    return Tensors{rows, CombineRows(y, plan.tokens, plan.places)};
  });
}

TEST_F(Plain, LinearAndHeadGroups) {
  ExpectBoth({Randn({2, 5, 9}), Randn({4, 9})},
             [](const Tensors& in) { return Tensors{Linear(in[0], in[1], Products::kF32)}; });
  ExpectBoth({Randn({5, 3, 9}), Randn({3, 4, 9})},
             [](const Tensors& in) { return Tensors{HeadGroups(in[0], in[1], Products::kF32)}; });
}

// Both round the same factors, and sum them in other orders.
TEST_F(Plain, Bf16Products) {
  if (FastestProducts() != Products::kBf16) GTEST_SKIP() << "no BF16 dot products here";
  const Tensor x = torch::randn({70, 40}), w = torch::randn({30, 40});
  const auto linear = [](Products products) {
    return [products](const Tensors& in) { return Tensors{Linear(in[0], in[1], products)}; };
  };
  ExpectBoth({x, w}, linear(Products::kBf16), 1e-5);
  const Tensors exact = Evaluate({x, w}, linear(Products::kF32)),
                rounded = Evaluate({x, w}, linear(Products::kBf16));
  EXPECT_GT((exact[0] - rounded[0]).abs().max().item<double>(), 1e-3) << "they do round";
}

TEST_F(Plain, HeadLossAndCrossEntropy) {
  Tensor targets = torch::randint(0, 31, {20}, torch::kLong);
  targets[4] = -100;
  ExpectBoth({Randn({20, 9}), Randn({31, 9})}, [&](const Tensors& in) {
    return Tensors{HeadLoss(in[0], in[1], targets, -100, Products::kF32)};
  });
  const Tensor logits = Randn({20, 31});
  EXPECT_NEAR(plain::SumOfCrossEntropy(logits, targets, -100).item<double>(),
              SumOfCrossEntropy(logits, targets, -100).item<double>(), 1e-11);
}

TEST_F(Plain, HyperConnection) {
  for (const bool constrained : {true, false})
    for (const std::int64_t n : {1, 4, 6}) {
      const HyperMixOptions options{n, 20, 1e-6, constrained};
      for (const bool head : {false, true}) {  // whose mix is `pre` alone
        const std::int64_t mixes = head ? n : (2 + n) * n;
        ExpectBoth(
            {Randn({19, n, 8}), Randn({mixes, n * 8}), Randn({head ? 1 : 3}), Randn({mixes})},
            [&](const Tensors& in) {
              const HyperReadResult read =
                  HyperRead(in[0], {in[1], in[3], in[2]}, 1e-6, options, Products::kF32);
              Tensors results = {read.input, read.mix};
              if (!head) results.push_back(HyperWrite(read.streams, read.input.sin(), read.mix));
              return results;
            },
            1e-10);
      }
    }
}

// A row of three documents beside one that fills its row; the last block of both is short.
DocumentPlan Documents(std::int64_t window) {
  Tensor documents = torch::zeros({2, 290}, torch::kLong);
  documents[0].slice(0, 5, 146).fill_(1);
  documents[0].slice(0, 146).fill_(2);
  return PlanDocuments(documents, window);
}

TEST_F(Plain, PoolBlocks) {
  const DocumentPlan plan = Documents(5);
  const std::int64_t rows = plan.batch * plan.tokens;
  const auto pool = [](const Entries& entries) {
    return [&entries](const Tensors& in) {
      return Tensors{PoolBlocks(in[0], in[1], in[2], entries, 6)};
    };
  };
  ExpectBoth({Randn({rows, 12}), Randn({rows, 12}), Randn({4, 12})}, pool(plan.csa));
  ExpectBoth({Randn({rows, 6}), Randn({rows, 6}), Randn({128, 6})}, pool(plan.hca));
}

TEST_F(Plain, AttentionCore) {
  for (const std::int64_t window : {1, 40, 500}) {
    const DocumentPlan plan = Documents(window);
    const Tensor q = Randn({2, 290, 3, 8}), kv = Randn({2, 290, 8}), sink = Randn({3});
    ExpectBoth({q, kv, sink}, [&](const Tensors& in) {
      return Tensors{
          AttentionCore({in[0], in[1], {}, in[2], {}}, plan, window, nullptr, Products::kF32).o};
    });
    for (const Entries* entries : {&plan.csa, &plan.hca})
      for (const bool all : {true, false}) {
        const Tensor selected =
            all ? Tensor() : torch::randint(0, 2, {2, 290, entries->count}, torch::kByte);
        ExpectBoth({q, kv, sink, Randn({2, entries->count, 8})}, [&](const Tensors& in) {
          const AttentionResult result =
              AttentionCore({in[0], in[1], in[3], in[2], selected, /*want_mass=*/true}, plan,
                            window, entries, Products::kF32);
          return Tensors{result.o, result.mass};
        });
      }
  }
}

TEST_F(Plain, IndexerChoosesTheSameEntriesAndLearnsTheSame) {
  const DocumentPlan plan = Documents(5);
  const Entries& entries = plan.csa;
  const Tensor scores = Randn({2, 290, entries.count});
  const Tensor coarse = scores.round();  // has ties
  for (const std::int64_t topk : {1, 3, 50, 1000})
    for (const Tensor& each : {scores, coarse})
      EXPECT_TRUE(torch::equal(plain::SelectEntries(each, entries, topk),
                               SelectEntries(each, entries, topk)))
          << topk;
  Tensor mass = torch::rand({2, 290, entries.count}, torch::kDouble);
  mass[1][100].zero_();
  for (const Tensor& selected : {Tensor(), SelectEntries(scores, entries, 3)})
    ExpectBoth({scores}, [&](const Tensors& in) {
      return Tensors{IndexerLoss(in[0], mass, entries, selected)};
    });
}

TEST_F(Plain, StoredFormatsHaveTheSameBits) {
  const Tensor scales = torch::exp2(torch::randint(-30, 20, {200, 1}, torch::kFloat));
  Tensor x = torch::randn({200, 320}) * scales;
  x[3].zero_();
  x[0] = torch::arange(-160, 160, torch::kFloat) / 16;  // has ties
  const auto stored = [](const Tensors& in) {
    return Tensors{StoredBf16(in[0]), StoredFp8(in[0]), StoredFp4(in[0]), StoredKv(in[0], 112)};
  };
  for (const Tensor& values : {x, x.slice(1, 0, 144), x.t()}) ExpectBoth({values}, stored, 0);
  ExpectBoth({x.to(torch::kDouble)}, stored, 0);
}

TEST_F(Plain, Hadamard) {
  ExpectBoth({Randn({3, 5, 64})}, [](const Tensors& in) { return Tensors{Hadamard(in[0])}; });
}

TEST_F(Plain, NewtonSchulz) {
  for (const auto& [n, m] : {std::pair{6, 6}, {6, 20}, {20, 6}, {1, 9}}) {
    const Tensor x = Randn({3, n, m});
    ExpectClose({plain::HybridNewtonSchulz(x, {})}, {HybridNewtonSchulz(x, {})}, 1e-10);
  }
}

// Values and states after three steps of an optimizer.
template <class Make>
Tensors Steps(Make&& make) {
  torch::manual_seed(2);
  Workers workers(1, 1);
  Tensor w = Randn({8, 20}), still = Randn({2, 3});
  auto optimizer = make(w, still);
  for (int step = 0; step < 3; ++step) {
    w.mutable_grad() = Randn({8, 20});
    EXPECT_TRUE(optimizer.Step({0.1, 0.5}, workers).ok());
  }
  return {w, still, optimizer.State().front().second};
}

TEST_F(Plain, Optimizers) {
  const auto adamw = [](const Tensor& w, const Tensor& still) {
    return AdamW({{"w", w}, {"still", still}}, {});
  };
  const auto muon = [](const Tensor& w, const Tensor& still) {
    return Muon({{"w", w, 2}, {"still", still}}, {});
  };
  const Tensors by_adamw = Steps(adamw), by_muon = Steps(muon);
  const OnPath plainly(Path::kPlain);
  ExpectClose(Steps(adamw), by_adamw, 1e-12);
  ExpectClose(Steps(muon), by_muon, 1e-10);
}

}  // namespace
}  // namespace hadal::train
