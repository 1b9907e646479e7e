// The scripts hold every command and option; bash's is loaded and asked.
#include "cli/completion.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "cli/call_test.h"
#include "io/file.h"
#include "testing/temp_folder.h"

namespace hadal::cli {
namespace {

// What bash completes the words to, the last of them under the cursor.
std::string Complete(const std::string& words) {
  testing::TempFolder folder;
  const std::string script = folder.File("hadal.bash");
  EXPECT_TRUE(io::WriteFile(script, Call({"completion", "bash"}).out).ok());
  const std::string ask = "source " + script + "; COMP_WORDS=(" + words +
                          "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _hadal; "
                          "echo \"${COMPREPLY[*]}\"";
  const std::string command = "bash -c '" + ask + "' 2>&1";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  std::string out;
  for (int c = 0; (c = std::fgetc(pipe)) != EOF;) out += static_cast<char>(c);
  ::pclose(pipe);
  return out.substr(0, out.size() - 1);
}

TEST(Completion, BashKnowsCommandsOptionsAndValues) {
  EXPECT_EQ(Complete("hadal inspe"), "inspect");
  EXPECT_EQ(Complete("hadal chat en"), "encode");
  EXPECT_EQ(Complete("hadal run --json-"), "--json-schema --json-object");
  EXPECT_EQ(Complete("hadal completion \"\""), "bash zsh fish");
  EXPECT_EQ(Complete("hadal -v plan cla"), "claims");
  const std::string all = Complete("hadal \"\"");
  for (const char* command : {"run", "chat", "serve", "plan", "doctor", "completion"})
    EXPECT_NE((" " + all + " ").find(std::string(" ") + command + " "), std::string::npos) << all;
  EXPECT_EQ(Complete("hadal quantize --to p"), "published");
}

TEST(Completion, OtherShellsHaveTheSame) {
  const std::string zsh = Call({"completion", "zsh"}).out, fish = Call({"completion", "fish"}).out;
  EXPECT_TRUE(zsh.starts_with("#compdef hadal\n"));
  EXPECT_NE(zsh.find("'--json-schema:"), std::string::npos);
  EXPECT_NE(fish.find("complete -c hadal -n '__hadal_at \"hadal run\"' -s m -l model -r"),
            std::string::npos);
}

TEST(Completion, AnUnknownShellIsWrongUsage) {
  EXPECT_EQ(Call({"completion", "tcsh"}).code, 2);
  EXPECT_EQ(Call({"completion"}).code, 2);
}

}  // namespace
}  // namespace hadal::cli
