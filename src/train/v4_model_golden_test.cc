// The forward pass against the logits of the official code, on the shared conformance checkpoints,
// by every path.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "io/decode.h"
#include "testing/shared_file.h"
#include "train/paths_test.h"
#include "train/v4_model.h"

namespace hadal::train {
namespace {

using torch::Tensor;

struct Limits {
  double median, p95, max;  // of ||got - want|| / ||want|| over positions
};

class Expected {
 public:
  explicit Expected(io::SafetensorsFile file) : file_(std::move(file)) {}
  Tensor Floats(const std::string& name) const {
    const io::TensorView view = file_.Find(name).value();
    std::vector<float> values = io::DecodeFloats(view, nullptr).value();
    return torch::from_blob(values.data(), Shape(view), torch::kFloat).clone();
  }
  Tensor Ints(const std::string& name) const {
    const io::TensorView view = file_.Find(name).value();
    std::vector<std::int64_t> values = io::DecodeInts(view).value();
    return torch::from_blob(values.data(), Shape(view), torch::kLong).clone();
  }

 private:
  static std::vector<std::int64_t> Shape(const io::TensorView& view) {
    return {view.shape.begin(), view.shape.end()};
  }
  io::SafetensorsFile file_;
};

void ExpectClose(const Tensor& got, const Tensor& want, const Limits& limits, const char* what) {
  ASSERT_EQ(got.sizes(), want.sizes()) << what;
  const Tensor errors =
      std::get<0>(((got - want).norm(2, -1) / want.norm(2, -1)).to(torch::kDouble).sort());
  const std::int64_t n = errors.size(0);
  EXPECT_LE(errors[n / 2].item<double>(), limits.median) << what;
  EXPECT_LE(errors[n * 95 / 100].item<double>(), limits.p95) << what;
  EXPECT_LE(errors[n - 1].item<double>(), limits.max) << what;
  std::printf("  %-16s median %.1e  95%% %.1e  max %.1e\n", what, errors[n / 2].item<double>(),
              errors[n * 95 / 100].item<double>(), errors[n - 1].item<double>());
}

void CheckCase(const std::string& name, const Limits& limits, Path path) {
  const OnPath on(path);
  const auto golden = testing::SharedFolder("golden");
  if (!golden) GTEST_SKIP() << "no shared/golden beside the sources";
  const std::string folder = *golden + "/" + name;
  auto checkpoint = io::Checkpoint::Open(folder);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().what;
  auto config = arch::ParseConfig(checkpoint->config());
  ASSERT_TRUE(config.ok()) << config.error().what;
  V4Model model(*config, 1, 0.02);
  model->to(DeviceOf(path));
  const Status loaded = model->Load(*checkpoint);
  ASSERT_TRUE(loaded.ok()) << loaded.error().what;

  const Expected expected(io::SafetensorsFile::Open(folder + "/expected.safetensors").value());
  const Tensor prompt = expected.Ints("input_ids"), next = expected.Ints("next_ids");
  const Tensor ids = torch::cat({prompt, next}, 1).to(DeviceOf(path));
  at::set_num_threads(1);
  const torch::NoGradGuard no_grad;
  ForwardOptions options;
  options.attention = Attention::kSparse;
  const Output out = model->Forward({ids, torch::zeros_like(ids)}, options);

  const std::int64_t s = prompt.size(1), t = next.size(1);
  const Tensor logits = out.logits[0].cpu(), mtp = out.mtp_logits[0].cpu();
  ExpectClose(logits.index_select(0, expected.Ints("prefill_positions")),
              expected.Floats("f32.prefill_logits"), limits, "prefill");
  ExpectClose(logits.slice(0, s, s + t), expected.Floats("f32.decode_logits"), limits, "decode");
  ExpectClose(mtp.slice(0, s - 65, s - 1), expected.Floats("f32.mtp_prefill_logits_tail"), limits,
              "mtp prefill");
  ExpectClose(mtp.slice(0, s - 1, s - 1 + t), expected.Floats("f32.mtp_decode_logits"), limits,
              "mtp decode");
}

class V4ModelGolden : public EveryPath {};

TEST_P(V4ModelGolden, TinyF32) { CheckCase("tiny-f32", {2e-5, 3e-5, 1e-4}, GetParam()); }
TEST_P(V4ModelGolden, TinyBf16) { CheckCase("tiny-bf16", {2e-5, 3e-5, 1e-4}, GetParam()); }
TEST_P(V4ModelGolden, TinyFp8Fp4) { CheckCase("tiny-fp8-fp4", {2e-5, 3e-5, 1e-4}, GetParam()); }
TEST_P(V4ModelGolden, TinyLong) { CheckCase("tiny-long", {3e-5, 5e-5, 2e-4}, GetParam()); }

INSTANTIATE_TEST_SUITE_P(Paths, V4ModelGolden, kEveryPath, PathName);

}  // namespace
}  // namespace hadal::train
