#include "convert/write_checkpoint.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "io/checkpoint.h"
#include "io/file.h"
#include "testing/temp_folder.h"

namespace hadal::convert {
namespace {

using arch::Part;
using arch::Role;
using testing::TempFolder;

arch::TensorSpec Spec(Role role, std::size_t expert, TensorShape shape) {
  const arch::TensorId id{.role = role, .part = Part::kLayer, .layer = 1, .expert = expert};
  return {id, NameOf(id), std::move(shape), StoredFormat::kF32};
}

// A gate, two routed experts in FP4 and a shared one in FP8, of which every byte is the tensor's
// number.
class WriteCheckpointTest : public ::testing::Test {
 protected:
  WriteCheckpointTest() {
    specs_.push_back(Spec(Role::kGate, 0, {2, 32}));
    for (const std::size_t expert : {0u, 1u})
      for (const Role role : {Role::kExpertW1, Role::kExpertW2, Role::kExpertW3})
        specs_.push_back(Spec(role, expert, {4, 32}));
    specs_.push_back(Spec(Role::kSharedW1, 0, {4, 32}));
    for (const arch::TensorSpec& spec : specs_)
      tensors_.push_back({&spec, IsRoutedExpert(spec.id.role)      ? StoredFormat::kFp4Block32
                                 : spec.id.role == Role::kSharedW1 ? StoredFormat::kFp8Block128
                                                                   : StoredFormat::kF32});
  }

  Status Give(std::size_t i, TensorSink& sink) const {
    const std::uint64_t rows = specs_[i].shape[0], cols = specs_[i].shape[1];
    const std::string codes(CodeBytes(tensors_[i].format, rows, cols), static_cast<char>(i));
    const std::string scales(ScaleBytes(tensors_[i].format, rows, cols), static_cast<char>(64 + i));
    HADAL_TRY_STATUS(sink.AppendScales(std::as_bytes(std::span(scales))));
    HADAL_TRY_STATUS(sink.Append(std::as_bytes(std::span(codes)).first(5)));
    return sink.Append(std::as_bytes(std::span(codes)).subspan(5));
  }
  Result<CheckpointReport> Write(const WriteOptions& options, const GiveTensor& give) const {
    return WriteCheckpoint(Out(), tensors_, {.config = Json::MakeObject({})}, options, give);
  }
  Result<CheckpointReport> Write(const WriteOptions& options) const {
    return Write(options, [this](std::size_t i, TensorSink& sink) { return Give(i, sink); });
  }
  std::string Out() const { return folder_.File("out"); }

  TempFolder folder_;
  std::vector<arch::TensorSpec> specs_;
  std::vector<ToStore> tensors_;
};

// Not a model without what it had, and not after the work.
TEST_F(WriteCheckpointTest, ALinkToNothingIsRefusedFirst) {
  const std::string link = folder_.File("tokenizer.json");
  std::filesystem::create_symlink(folder_.File("absent"), link);
  const auto report = WriteCheckpoint(Out(), tensors_,
                                      {.config = Json::MakeObject({}), .tokenizer = folder_.path()},
                                      {.quiet = true}, [](std::size_t, TensorSink&) -> Status {
                                        ADD_FAILURE() << "work was begun";
                                        return Unit{};
                                      });
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().what.find(link + ": "), 0u) << report.error().what;
  EXPECT_FALSE(std::filesystem::exists(Out()));
}

TEST_F(WriteCheckpointTest, EveryTensorGetsItsBytes) {
  const auto report = Write({.quiet = true});
  ASSERT_TRUE(report.ok()) << report.error().what;
  EXPECT_EQ(report->tensors, 8u);
  EXPECT_EQ(report->files, 1u);
  const io::Checkpoint checkpoint = io::Checkpoint::Open(Out()).value();
  EXPECT_EQ(report->bytes, checkpoint.tensor_bytes());
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    const io::TensorView codes = checkpoint.Find(specs_[i].name).value();
    for (const std::byte b : codes.data) ASSERT_EQ(b, static_cast<std::byte>(i)) << specs_[i].name;
    if (i == 0) continue;  // the gate has no scales
    const io::TensorView scales = checkpoint.Find(arch::ScaleName(specs_[i].id)).value();
    for (const std::byte b : scales.data)
      ASSERT_EQ(b, static_cast<std::byte>(64 + i)) << specs_[i].name;
  }
}

// Whoever fetches an expert reads its three weights as one range of one file, and its three scales
// as another.
TEST_F(WriteCheckpointTest, AnExpertIsTwoRangesOfOneFile) {
  for (const std::uint64_t shard_bytes : {std::uint64_t{1} << 30, std::uint64_t{100}}) {
    ASSERT_TRUE(Write({.replace = true, .quiet = true, .shard_bytes = shard_bytes}).ok());
    const io::Checkpoint checkpoint = io::Checkpoint::Open(Out()).value();
    for (const std::size_t first : {1u, 4u}) {
      for (std::size_t i = first; i < first + 2; ++i) {
        const std::string &name = specs_[i].name, &next = specs_[i + 1].name;
        EXPECT_EQ(checkpoint.FileOf(name), checkpoint.FileOf(next));
        EXPECT_EQ(checkpoint.Info(name)->end, checkpoint.Info(next)->begin) << name;
        EXPECT_EQ(checkpoint.Info(arch::ScaleName(specs_[i].id))->end,
                  checkpoint.Info(arch::ScaleName(specs_[i + 1].id))->begin)
            << name;
      }
    }
  }
  EXPECT_EQ(io::Checkpoint::Open(Out())->Names().size(), 15u);
  EXPECT_EQ(Write({.replace = true, .quiet = true, .shard_bytes = 100})->files, 4u);
}

TEST_F(WriteCheckpointTest, WhatFailsLeavesWhatWasThere) {
  ASSERT_TRUE(Write({.quiet = true}).ok());
  const std::string before = io::ReadFile(folder_.File("out/model.safetensors")).value();
  const auto fails = [&](const GiveTensor& give, const std::atomic<bool>* cancel = nullptr) {
    const auto report = Write({.replace = true, .quiet = true, .cancel = cancel}, give);
    EXPECT_EQ(folder_.Names(), std::vector<std::string>{"out"});
    EXPECT_EQ(io::ReadFile(folder_.File("out/model.safetensors")).value(), before);
    return report.ok() ? Error{} : report.error();
  };
  const Error given = fails([](std::size_t, TensorSink&) -> Status {
    return Fail(Code::kCorrupt, "these numbers are bad");
  });
  EXPECT_EQ(given.what, "these numbers are bad");

  const Error few = fails([](std::size_t, TensorSink&) { return Status(Unit{}); });
  EXPECT_NE(few.what.find("never given"), std::string::npos) << few.what;

  // Stopped in the middle of a tensor; what the giver makes of it changes nothing.
  std::atomic<bool> stop{false};
  const Error stopped = fails(
      [&](std::size_t i, TensorSink& sink) -> Status {
        stop = i == 2;
        const Status gave = Give(i, sink);
        return gave.ok() ? gave : Within("the giver's words", gave.error());
      },
      &stop);
  EXPECT_EQ(stopped.code, Code::kCancelled);
  EXPECT_EQ(stopped.what, "stopped");
  stop = false;
  const Error ignored = fails(
      [&](std::size_t i, TensorSink& sink) -> Status {
        stop = i == 2;
        static_cast<void>(Give(i, sink));
        return Unit{};
      },
      &stop);
  EXPECT_EQ(ignored.what, "stopped");
}

}  // namespace
}  // namespace hadal::convert
