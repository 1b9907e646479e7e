#include "cli/data.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "io/file.h"
#include "testing/temp_folder.h"

namespace hadal::cli {
namespace {

class DataTest : public ::testing::Test {
 protected:
  DataOptions Options(std::vector<std::string> documents) const {
    DataOptions options;
    options.out = folder_.File("made");
    options.documents = std::move(documents);
    return options;
  }
  // The report, or "error: ...".
  static std::string Run(const DataOptions& options) {
    std::ostringstream out;
    const Status done = MakeData(options, out);
    return done.ok() ? out.str() : "error: " + done.error().what;
  }
  std::string File(const std::string& name) const {
    return io::ReadFile(folder_.File("made/" + name)).value();
  }

  testing::TempFolder folder_;
};

TEST_F(DataTest, WritesAFileOfEachKind) {
  const DataOptions options = Options({"story=3", "tools=2"});
  const std::string report = Run(options);
  EXPECT_NE(report.find("story.txt"), std::string::npos) << report;
  const std::string stories = File("story.txt");
  EXPECT_EQ(std::ranges::count(stories, '\f'), 2);
  EXPECT_EQ(std::ranges::count(File("tools.txt"), '\f'), 1);
  EXPECT_FALSE(std::filesystem::exists(folder_.File("made/lists.txt")));
  EXPECT_EQ(Run(options), "error: " + folder_.File("made/story.txt") +
                              ": is there already, expected nothing; --force replaces it");
  DataOptions again = options;
  again.force = true;
  Run(again);
  EXPECT_EQ(File("story.txt"), stories);
  DataOptions heldout = again;
  heldout.half = "heldout";
  Run(heldout);
  EXPECT_NE(File("story.txt"), stories);
}

TEST_F(DataTest, AKindIsGivenOnce) {
  EXPECT_EQ(Run(Options({"story=1", "tools=1", "story=2"})), "error: story is given twice");
  EXPECT_FALSE(std::filesystem::exists(folder_.File("made")));
  Run(Options({"story=1K"}));
  EXPECT_EQ(std::ranges::count(File("story.txt"), '\f'), 1023);
}

TEST_F(DataTest, OneFileOfSomebodyElseAndNoneIsWritten) {
  std::filesystem::create_directory(folder_.File("made"));
  ASSERT_TRUE(io::WriteFile(folder_.File("made/tools.txt"), "a letter").ok());
  EXPECT_EQ(Run(Options({"story=3", "tools=2"})).rfind("error: ", 0), 0u);
  EXPECT_EQ(File("tools.txt"), "a letter");
  EXPECT_FALSE(std::filesystem::exists(folder_.File("made/story.txt")));
}

TEST_F(DataTest, ProseLiesBetweenNeedles) {
  const std::string line = "A line that only this book has, long enough to be a paragraph of it.";
  ASSERT_TRUE(io::WriteFile(folder_.File("book.txt"), line + "\nshort\n").ok());
  DataOptions options = Options({"needles=5"});
  options.prose = {folder_.File("book.txt")};
  Run(options);
  EXPECT_NE(File("needles.txt").find(line), std::string::npos);
  ASSERT_TRUE(io::WriteFile(folder_.File("book.txt"), "short\n").ok());
  EXPECT_EQ(Run(options), "error: " + folder_.File("book.txt") +
                              ": found no line of 40 to 400 bytes, expected paragraphs");
}

TEST_F(DataTest, MarksInProseAreNotAnswers) {
  ASSERT_TRUE(
      io::WriteFile(folder_.File("book.txt"),
                    "A line of a book \x02that has\x03 both marks, and one of them \x03 alone.\n")
          .ok());
  DataOptions options = Options({"needles=5"});
  options.prose = {folder_.File("book.txt")};
  Run(options);
  const std::string made = File("needles.txt");
  EXPECT_NE(made.find("A line of a book that has both marks, and one of them  alone."),
            std::string::npos);
  EXPECT_EQ(std::ranges::count(made, '\x02'), std::ranges::count(made, '\x03'));
  EXPECT_GT(std::ranges::count(made, '\x02'), 4);
}

TEST_F(DataTest, SharesAreOfBytes) {
  DataOptions options = Options({"dialogue=3", "lists=1"});
  options.bytes = 40000;
  Run(options);
  EXPECT_NEAR(static_cast<double>(File("dialogue.txt").size()), 30000, 1500);
  EXPECT_NEAR(static_cast<double>(File("lists.txt").size()), 10000, 1500);
}

TEST_F(DataTest, ConversationsWithToolsAreAsLongAsAsked) {
  const auto requests = [this](std::size_t turns) {
    DataOptions options = Options({"tools=40"});
    options.tool_turns = turns;
    options.force = true;
    Run(options);
    std::size_t most = 0, here = 0;
    std::istringstream text(File("tools.txt"));
    for (std::string line; std::getline(text, line);) {
      if (line.find('\f') != std::string::npos) here = 0;
      for (std::size_t at = 0; (at = line.find("<｜User｜>", at)) != std::string::npos; ++at)
        here += line.substr(at).starts_with("<｜User｜><tool_result>") ? 0 : 1;
      most = std::max(most, here);
    }
    return most;
  };
  EXPECT_EQ(requests(1), 1u);
  EXPECT_EQ(requests(3), 3u);
}

TEST_F(DataTest, AnswersAreMarkedUnlessAllIsToBeLearnt) {
  DataOptions options = Options({"lists=2"});
  Run(options);
  EXPECT_NE(File("lists.txt").find('\x02'), std::string::npos);
  options.learn = "all";
  options.force = true;
  Run(options);
  EXPECT_EQ(File("lists.txt").find('\x02'), std::string::npos);
}

TEST_F(DataTest, QuestionsAreAsFarAsIsAskedFor) {
  DataOptions options = Options({"needles=5"});
  options.nearest_bytes = 20000;
  Run(options);
  EXPECT_GT(File("needles.txt").size(), 5u * 20000);
}

TEST_F(DataTest, WrongKindsAndCountsAreNamed) {
  EXPECT_EQ(Run(Options({"poem=3"})).rfind("error: kind of document: found 'poem'", 0), 0u);
  for (const char* wrong : {"story", "story=", "story=0", "story=3x", "story=-1"})
    EXPECT_EQ(Run(Options({wrong})), "error: documents: found '" + std::string(wrong) +
                                         "', expected KIND=COUNT, as story=1000");
}

}  // namespace
}  // namespace hadal::cli
