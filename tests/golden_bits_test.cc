// Whether the bits of logits and states are those of the last time, by instruction set. States on
// disk are named by a number of the program's arithmetic (cache/arithmetic.h), which people raise:
// here it is noticed when they forgot to.
//
// The digests are kept in tests/golden_bits.txt, under the digest of the C library's functions
// (base/libm_digest.h), which the bits follow too: with a library that nobody has made them with,
// nothing is compared. HADAL_RENEW_GOLDEN_BITS=1 writes what is found into the file: what is
// missing always, and what differs if the number was raised.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>

#include "base/libm_digest.h"
#include "base/random.h"
#include "cache/arithmetic.h"
#include "io/digest.h"
#include "kernels/isa.h"
#include "testing/source_file.h"
#include "walker.h"

namespace hadal::tests {
namespace {

constexpr std::size_t kTokens = 300;  // beyond windows, blocks and pages
constexpr const char* kRenew =
    "HADAL_RENEW_GOLDEN_BITS=1 ctest --test-dir build/release -R GoldenBits";

std::string GoldenPath() { return testing::SourceFile("tests/golden_bits.txt"); }

// "arithmetic N", then lines of "libm isa model digest".
class GoldenBits {
 public:
  explicit GoldenBits(const std::string& path) {
    std::ifstream file(path);
    std::string word, isa, model, digest;
    file >> word >> arithmetic_;
    while (file >> word >> isa >> model >> digest)
      digests_[fmt::format("{} {} {}", word, isa, model)] = digest;
  }
  std::uint64_t arithmetic() const { return arithmetic_; }
  std::optional<std::string> Of(const std::string& key) const {
    const auto found = digests_.find(key);
    return found == digests_.end() ? std::nullopt : std::optional(found->second);
  }
  // Of another arithmetic all others are out of date.
  void Put(const std::string& key, const std::string& digest) {
    if (arithmetic_ != cache::kArithmetic) digests_.clear();
    arithmetic_ = cache::kArithmetic;
    digests_[key] = digest;
  }
  bool Write(const std::string& path) const {
    std::ofstream file(path);
    file << "arithmetic " << arithmetic_ << "\n";
    for (const auto& [key, digest] : digests_) file << key << " " << digest << "\n";
    return file.good();
  }

 private:
  std::uint64_t arithmetic_ = 0;
  std::map<std::string, std::string> digests_;
};

void AddFloats(const std::vector<float>& floats, io::Digester* digester) {
  digester->Add(std::as_bytes(std::span(floats)));
}

// All logits of a random text, the MTP block's too, and the state that has read it.
std::string Computed(const model::Model& model, std::size_t threads_count) {
  Tokens tokens;
  for (std::size_t i = 0; i < kTokens; ++i)
    tokens.push_back(static_cast<std::int32_t>(KeyedBits(1, 1, i) % kVocab));
  Threads threads(threads_count);
  model::Forward forward =
      model::Forward::Create(model, arch::Numerics::Stored(), threads, kTokens).value();
  Walker walker(forward.layout(), tokens);
  const model::Chunk chunk = walker.Next(kTokens);
  HADAL_CHECK(forward.Run({&chunk, 1}).ok());
  walker.Collect(forward, 0);
  io::Digester digester;
  AddFloats(walker.logits().main, &digester);
  AddFloats(walker.logits().mtp, &digester);
  const model::SequenceState& state = *chunk.sequence;
  digester.Add(state.fixed);
  for (const std::byte* page : state.pages)
    digester.Add(std::span(page, forward.layout().page_bytes));
  return digester.Get().Hex();
}

class GoldenBitsTest : public ::testing::TestWithParam<Small> {
 protected:
  ~GoldenBitsTest() override { kernels::SetActiveIsa(before_); }
  const kernels::Isa before_ = kernels::ActiveIsa();
};

TEST_P(GoldenBitsTest, AreThoseOfTheLastTime) {
  const testing::TempFolder folder;
  ASSERT_TRUE(WriteSmall(GetParam(), folder.path()).ok());
  const char* name = GetParam() == Small::kV32 ? "v32" : "v4";
  const bool renews = std::getenv("HADAL_RENEW_GOLDEN_BITS") != nullptr;
  const std::string libm = fmt::format("{:016x}", LibmDigest());
  GoldenBits golden(GoldenPath());
  ASSERT_TRUE(renews || golden.arithmetic() == cache::kArithmetic)
      << GoldenPath() << " is of arithmetic " << golden.arithmetic()
      << ", src/cache/arithmetic.h has " << cache::kArithmetic << ". Renew it: " << kRenew;
  std::size_t compared = 0;
  for (const kernels::Isa isa : kernels::RunnableIsas()) {
    kernels::SetActiveIsa(isa);  // before the model is loaded: weights may be packed for it
    const model::Model model = model::Model::Load(*io::Checkpoint::Open(folder.path())).value();
    const std::string key = fmt::format("{} {} {}", libm, kernels::IsaName(isa), name);
    const std::string found = Computed(model, 1);
    EXPECT_EQ(Computed(model, 3), found) << key << ": other threads, other bits";
    const auto want = golden.Of(key);
    if (want && golden.arithmetic() == cache::kArithmetic) {
      ++compared;
      EXPECT_EQ(found, *want) << key << ": the bits have changed. If that is meant, raise "
                              << "kArithmetic in src/cache/arithmetic.h, so that states on disk "
                              << "are not taken for those of now, and renew the digests: "
                              << kRenew;
    } else if (renews) {
      golden.Put(key, found);
    }
  }
  if (renews) {
    ASSERT_TRUE(golden.Write(GoldenPath()));
  }
  if (compared == 0 && !renews)
    GTEST_SKIP() << "no digests for this C library's functions (" << libm << "): " << kRenew;
}

INSTANTIATE_TEST_SUITE_P(Architectures, GoldenBitsTest,
                         ::testing::Values(Small::kPublished, Small::kV32), [](const auto& test) {
                           return std::string(test.param == Small::kV32 ? "V32" : "V4");
                         });

}  // namespace
}  // namespace hadal::tests
