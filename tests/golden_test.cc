// The engine against golden cases: small ones made by the reference here, and the shared ones if
// they are there. And the comparison itself: what it must notice, and what it must refuse.
#include <gtest/gtest.h>

#include <functional>

#include "eval/golden.h"
#include "eval/golden_case.h"
#include "io/checkpoint.h"
#include "io/decode.h"
#include "io/file.h"
#include "reference/tensor_store.h"
#include "small_cases.h"
#include "testing/shared_file.h"
#include "testing/temp_folder.h"

namespace hadal::eval {
namespace {

std::string Show(const GoldenFigure& f) {
  std::string out = fmt::format("{} against {}: {}", f.engine, f.against, f.what);
  if (f.error)
    out += fmt::format(" {:.2e} {:.2e} {:.2e}", f.error->median, f.error->p95, f.error->max);
  if (f.value) out += fmt::format(" {}", *f.value);
  return out;
}

::testing::AssertionResult Passes(const std::string& directory,
                                  const std::function<bool(const GoldenFigure&)>& passes) {
  Threads threads(2);
  const Result<GoldenReport> report = RunGolden(directory, threads);
  if (!report.ok()) return ::testing::AssertionFailure() << report.error().what;
  std::string failed;
  for (const GoldenFigure& figure : report->figures)
    if (!passes(figure)) failed += Show(figure) + "\n";
  if (failed.empty()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << directory << " is out of tolerance:\n" << failed;
}

// Models this small have a character: one expert or entry chosen otherwise, as rounding will have
// it here and there, is half of a position's result. So the engine is compared with its own variant
// only, and where variants round, the rare position is left out.
bool PassesOnASmallModel(const GoldenFigure& f) {
  if (f.pass || (f.engine != f.against && f.against != "itself")) return true;
  const bool rounds = f.engine != "f32" && f.engine == f.against;
  return rounds && f.error && f.error_limit && f.error->median <= f.error_limit->median &&
         f.error->p95 <= f.error_limit->p95;
}

class SmallCase : public ::testing::TestWithParam<reference::CaseSpec> {};

TEST_P(SmallCase, TheEngineAgreesWithTheReference) {
  testing::TempFolder folder;
  const Status made = reference::WriteRandomCase(GetParam(), folder.path());
  ASSERT_TRUE(made.ok()) << made.error().what;
  EXPECT_TRUE(Passes(folder.path(), PassesOnASmallModel));
}

INSTANTIATE_TEST_SUITE_P(Made, SmallCase, ::testing::ValuesIn(tests::SmallCases()),
                         [](const auto& test) { return test.param.name; });

struct SharedName {
  const char *folder, *name;
};
void PrintTo(const SharedName& shared, std::ostream* out) { *out << shared.name; }

class SharedCase : public ::testing::TestWithParam<SharedName> {};

TEST_P(SharedCase, TheEngineAgreesWithTheOfficialCode) {
  const auto shared = testing::SharedFolder(GetParam().folder);
  if (!shared) GTEST_SKIP() << "no shared golden data";
  const std::string directory = *shared + "/" + GetParam().name;
  if (!IsGoldenCase(directory)) GTEST_SKIP() << directory << " is not there";
  EXPECT_TRUE(Passes(directory, [](const GoldenFigure& f) { return f.pass; }));
}

std::string NameOf(const ::testing::TestParamInfo<SharedName>& test) {
  std::string name = test.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(V4, SharedCase,
                         ::testing::Values(SharedName{"golden", "tiny-f32"},
                                           SharedName{"golden", "tiny-bf16"},
                                           SharedName{"golden", "tiny-fp8-fp4"},
                                           SharedName{"golden", "tiny-long"}),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(V32, SharedCase,
                         ::testing::Values(SharedName{"golden-v32", "tiny-f32"},
                                           SharedName{"golden-v32", "tiny-fp8"},
                                           SharedName{"golden-v32", "tiny-fp8-f32scale"},
                                           SharedName{"golden-v32", "tiny-long"}),
                         NameOf);

// A tiny case to be spoilt, and what is said of it then.
class SpoiltCase : public ::testing::Test {
 protected:
  void SetUp() override {
    reference::CaseSpec spec = tests::SmallCases().back();
    spec.prompt = 5;
    spec.steps = 3;
    const Status made = reference::WriteRandomCase(spec, folder_.path());
    ASSERT_TRUE(made.ok()) << made.error().what;
    vocab_ = spec.checkpoint.vocab;
  }

  // expected.safetensors with one tensor left out, or replaced through `replace`.
  template <class F>
  void Rewrite(const std::string& name, F&& replace) {
    const std::string path = folder_.File("expected.safetensors");
    const auto file = io::SafetensorsFile::Open(path);
    ASSERT_TRUE(file.ok());
    reference::TensorStore store;
    for (const auto& [tensor, info] : file->tensors()) {
      const io::TensorView view = *file->Find(tensor);
      if (tensor == name)
        replace(store, view);
      else if (info.dtype == DType::kF32)
        store.F32(tensor, info.shape, std::span<const float>(*io::DecodeFloats(view, nullptr)));
      else
        store.I64(tensor, info.shape, *io::DecodeInts(view));
    }
    ASSERT_TRUE(store.WriteFile(path).ok());
  }
  std::string Complaint() {
    Threads threads(1);
    const auto report = RunGolden(folder_.path(), threads);
    if (!report.ok()) return report.error().what;
    return report->pass ? "passes" : "out of tolerance";
  }

  testing::TempFolder folder_;
  std::size_t vocab_ = 0;
};

TEST_F(SpoiltCase, PassesAsItIs) { EXPECT_EQ(Complaint(), "passes"); }

TEST_F(SpoiltCase, OneLogitOfManyIsNoticed) {
  for (const char* name : {"f32.prefill_logits", "f32.decode_logits", "f32.mtp_prefill_logits_tail",
                           "f32.mtp_decode_logits", "f32.hidden", "f32.gate_weights"}) {
    SetUp();
    Rewrite(name, [&](reference::TensorStore& store, const io::TensorView& view) {
      auto values = *io::DecodeFloats(view, nullptr);
      values.back() += 0.01f;
      store.F32(name, view.shape, std::span<const float>(values));
    });
    EXPECT_EQ(Complaint(), "out of tolerance") << name;
  }
}

TEST_F(SpoiltCase, NotANumberIsNoticed) {
  Rewrite("f32.decode_logits", [&](reference::TensorStore& store, const io::TensorView& view) {
    std::vector<float> values(view.data.size() / 4, std::nanf(""));
    store.F32("f32.decode_logits", view.shape, std::span<const float>(values));
  });
  EXPECT_EQ(Complaint(), "out of tolerance");
}

TEST_F(SpoiltCase, AnotherExpertIsNoticed) {
  for (const char* name : {"f32.gate_ids", "f32.decode_gate_ids"}) {
    SetUp();
    Rewrite(name, [&](reference::TensorStore& store, const io::TensorView& view) {
      auto values = *io::DecodeInts(view);
      values.back() = (values.back() + 1) % 3;
      store.I64(name, view.shape, values);
    });
    EXPECT_EQ(Complaint(), "out of tolerance") << name;
  }
}

TEST_F(SpoiltCase, MissingAndMalformedTensorsAreNamed) {
  const auto drop = [](reference::TensorStore&, const io::TensorView&) {};
  Rewrite("f32.decode_logits", drop);
  EXPECT_NE(Complaint().find("expected.safetensors"), std::string::npos) << Complaint();
  EXPECT_NE(Complaint().find("f32.decode_logits"), std::string::npos) << Complaint();

  SetUp();
  Rewrite("input_ids", [&](reference::TensorStore& store, const io::TensorView& view) {
    auto ids = *io::DecodeInts(view);
    ids[0] = static_cast<std::int64_t>(vocab_);
    store.I64("input_ids", view.shape, ids);
  });
  EXPECT_NE(Complaint().find("input_ids: found the value 61, expected 0..60"), std::string::npos)
      << Complaint();

  SetUp();
  Rewrite("f32.prefill_logits", [&](reference::TensorStore& store, const io::TensorView&) {
    store.F32("f32.prefill_logits", {2, 2}, std::span<const float>(std::vector<float>(4)));
  });
  EXPECT_NE(Complaint().find("f32.prefill_logits: found shape [2, 2], expected [5, 61]"),
            std::string::npos)
      << Complaint();
}

TEST_F(SpoiltCase, AnUnknownVariantIsRefused) {
  Rewrite("f32.gate_margin", [&](reference::TensorStore& store, const io::TensorView& view) {
    store.F32("f16.gate_margin", view.shape,
              std::span<const float>(*io::DecodeFloats(view, nullptr)));
  });
  EXPECT_NE(Complaint().find("found variant \"f16\", expected one of f32, f32q, bf16"),
            std::string::npos)
      << Complaint();
}

// V3.2's cases hold two ways of feeding the MTP block, of which the engine has one.
TEST_F(SpoiltCase, WhatIsPassedOverIsSaid) {
  Rewrite("f32.gate_margin", [](reference::TensorStore& store, const io::TensorView& view) {
    const auto values = *io::DecodeFloats(view, nullptr);
    for (const char* name : {"f32.gate_margin", "f32.mtp_post_decode_logits"})
      store.F32(name, view.shape, std::span<const float>(values));
  });
  Threads threads(1);
  const auto report = RunGolden(folder_.path(), threads);
  ASSERT_TRUE(report.ok()) << report.error().what;
  EXPECT_TRUE(report->pass);
  ASSERT_EQ(report->notes.size(), 1u);
  EXPECT_NE(report->notes[0].find("passed over f32.mtp_post_decode_logits"), std::string::npos)
      << report->notes[0];
}

TEST_F(SpoiltCase, WhatIsOptionalMayBeMissing) {
  std::filesystem::remove(folder_.File("case.json"));
  std::filesystem::remove(folder_.File("trace.safetensors"));
  const auto drop = [](reference::TensorStore&, const io::TensorView&) {};
  for (const char* name : {"f32.hidden", "hidden_positions", "f32.gate_ids", "f32.gate_margin",
                           "f32.mtp_prefill_logits_tail", "f32.indexer_topk"})
    Rewrite(name, drop);
  EXPECT_EQ(Complaint(), "passes");
}

TEST_F(SpoiltCase, AFileCutShortIsAnErrorNotACrash) {
  const std::string path = folder_.File("expected.safetensors");
  const std::string whole = *io::ReadFile(path);
  for (std::size_t bytes : {std::size_t{0}, std::size_t{7}, whole.size() / 2, whole.size() - 1}) {
    ASSERT_TRUE(io::WriteFile(path, whole.substr(0, bytes)).ok());
    EXPECT_NE(Complaint().find("expected.safetensors"), std::string::npos) << Complaint();
  }
  ASSERT_TRUE(io::WriteFile(path, whole).ok());
  ASSERT_TRUE(io::WriteFile(folder_.File("case.json"), "[").ok());
  EXPECT_NE(Complaint().find("case.json"), std::string::npos) << Complaint();
}

TEST_F(SpoiltCase, WhatCannotBeReadIsAFailedReport) {
  ASSERT_TRUE(io::WriteFile(folder_.File("config.json"), "{}").ok());
  Threads threads(1);
  const auto report = RunGolden(folder_.path(), threads);
  ASSERT_FALSE(report.ok());
  const Json json = ToJson(UnreadCase(folder_.path() + "/", report.error()));
  EXPECT_EQ(*json.Find("name")->AsString(), std::filesystem::path(folder_.path()).filename());
  EXPECT_FALSE(*json.Find("pass")->AsBool());
  EXPECT_NE(json.Find("error")->AsString()->find("config.json"), std::string::npos);
}

TEST(FindGoldenCases, ThemselvesOrOneFolderDown) {
  testing::TempFolder folder;
  EXPECT_FALSE(FindGoldenCases(folder.path()).ok());
  EXPECT_FALSE(FindGoldenCases(folder.File("nowhere")).ok());
  for (const char* name : {"b", "a"}) {
    std::filesystem::create_directory(folder.File(name));
    ASSERT_TRUE(io::WriteFile(folder.File(name) + "/expected.safetensors", "").ok());
  }
  EXPECT_EQ(*FindGoldenCases(folder.path()),
            (std::vector<std::string>{folder.File("a"), folder.File("b")}));
  EXPECT_EQ(*FindGoldenCases(folder.File("a")), std::vector<std::string>{folder.File("a")});
}

}  // namespace
}  // namespace hadal::eval
