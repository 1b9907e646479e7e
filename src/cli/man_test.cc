// Every command has a page of the manual, and what its help says stands in it as text.
#include "cli/man.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cli/call_test.h"
#include "io/file.h"
#include "testing/temp_folder.h"

namespace hadal::cli {
namespace {

const CommandInfo kShow{
    .name = "show",
    .about = "One model",
    .summary = "One model.",
    .text = "Two lines\n.of text.\n\nExamples:\n  hadal plan show 'C:\\x' --gib",
    .options = {{.names = {"-g", "--gib"},
                 .about = "in GiB",
                 .help = "in GiB",
                 .value = {},
                 .default_text = {},
                 .choices = {}},
                {.names = {"--kv"},
                 .about = "form",
                 .help = "form",
                 .takes_value = true,
                 .value = "TEXT",
                 .default_text = "a",
                 .choices = {"a", "b"}},
                {.names = {},
                 .about = "model",
                 .help = "model",
                 .takes_value = true,
                 .value = "MODEL",
                 .default_text = {},
                 .choices = {}}},
    .commands = {}};

TEST(Man, APageHoldsNamesTextExamplesAndOptions) {
  const CommandInfo program{.name = "hadal",
                            .about = "hadal",
                            .summary = "hadal.",
                            .text = {},
                            .options = {},
                            .commands = {kShow}};
  const std::vector<ManPage> pages = ManPages(program, "1.2");
  ASSERT_EQ(pages.size(), 2u);
  EXPECT_EQ(pages[0].file, "hadal.1");
  EXPECT_NE(pages[0].text.find("\\fBhadal\\-show\\fR(1)\nOne model.\n"), std::string::npos);
  EXPECT_EQ(pages[1].file, "hadal-show.1");
  EXPECT_EQ(pages[1].text,
            ".TH hadal-show 1 \"\" \"hadal 1.2\" \"hadal\\(aqs manual\"\n"
            ".SH NAME\nhadal\\-show \\- One model.\n"
            ".SH SYNOPSIS\n\\fBhadal show\\fR [\\fIoptions\\fR] \\fIMODEL\\fR\n"
            ".SH DESCRIPTION\nTwo lines\n\\&.of text.\n.PP\n"
            ".SH EXAMPLES\n.EX\n  hadal plan show 'C:\\ex' \\-\\-gib\n.EE\n"
            ".SH OPTIONS\n"
            ".TP\n\\fB\\-g\\fR, \\fB\\-\\-gib\\fR\nin GiB\n"
            ".TP\n\\fB\\-\\-kv\\fR \\fITEXT\\fR\nform (a, b; default: a)\n"
            ".TP\n\\fIMODEL\\fR\nmodel\n");
}

TEST(Man, TheProgramWritesOnePageForEachCommand) {
  const testing::TempFolder folder;
  const Outcome outcome = Call({"man", folder.File("pages")});
  ASSERT_EQ(outcome.code, 0) << outcome.errors;
  EXPECT_EQ(outcome.out, "");
  for (const char* name : {"hadal.1", "hadal-serve.1", "hadal-plan-show.1", "hadal-man.1"})
    EXPECT_TRUE(io::ReadFile(folder.File(std::string("pages/") + name)).ok()) << name;
  const auto serve = io::ReadFile(folder.File("pages/hadal-serve.1"));
  EXPECT_NE(serve->find("\\fB\\-\\-api\\-key\\fR \\fITEXT\\fR\n"), std::string::npos);
}

TEST(Man, PagesThatAreThereStayUnlessAsked) {
  const testing::TempFolder folder;
  ASSERT_TRUE(io::WriteFile(folder.File("hadal-serve.1"), "mine").ok());
  const Outcome refused = Call({"man", folder.path()});
  EXPECT_EQ(refused.code, 1);
  EXPECT_EQ(refused.errors, "hadal: " + folder.File("hadal-serve.1") +
                                ": is there already, expected nothing; --force replaces it\n");
  EXPECT_EQ(io::ReadFile(folder.File("hadal-serve.1")).value(), "mine");
  EXPECT_FALSE(io::ReadFile(folder.File("hadal.1")).ok());
  EXPECT_EQ(Call({"man", "--force", folder.path()}).code, 0);
  EXPECT_NE(io::ReadFile(folder.File("hadal-serve.1")).value(), "mine");
}

TEST(Man, AFolderThatCannotBeMadeIsNamed) {
  const Outcome outcome = Call({"man", "/proc/none/pages"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(outcome.errors.starts_with("hadal: /proc/none/pages: cannot be made: "));
  EXPECT_EQ(Call({"man"}).code, 2);
}

}  // namespace
}  // namespace hadal::cli
