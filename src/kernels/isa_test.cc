#include "kernels/isa.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace hadal::kernels {
namespace {

TEST(Isa, PlainCodeAlwaysRunsAndComesFirst) {
  ASSERT_FALSE(RunnableIsas().empty());
  EXPECT_EQ(RunnableIsas().front(), Isa::kRef);
  for (Isa isa : RunnableIsas()) {
    SetActiveIsa(isa);
    EXPECT_EQ(ActiveIsa(), isa);
  }
}

TEST(Isa, AForcedNameMustBeRunnable) {
  unsetenv("HADAL_FORCE_ISA");
  EXPECT_TRUE(CheckForcedIsa().ok());
  for (Isa isa : RunnableIsas()) {
    setenv("HADAL_FORCE_ISA", std::string(IsaName(isa)).c_str(), 1);
    EXPECT_TRUE(CheckForcedIsa().ok());
  }
  setenv("HADAL_FORCE_ISA", "", 1);  // as not set
  EXPECT_TRUE(CheckForcedIsa().ok());
  setenv("HADAL_FORCE_ISA", "avx3", 1);
  const Status status = CheckForcedIsa();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kInvalid);
  EXPECT_NE(status.error().what.find("HADAL_FORCE_ISA=avx3"), std::string::npos);
  EXPECT_NE(status.error().what.find("ref"), std::string::npos);
  unsetenv("HADAL_FORCE_ISA");
}

}  // namespace
}  // namespace hadal::kernels
