// hadal man: the manual's pages, as packages install them.
#include "cli/man.h"

#include <filesystem>
#include <memory>
#include <sstream>
#include <string_view>

#include "cli/commands.h"
#include "cli/overwrite.h"
#include "io/file.h"
#include "io/folder.h"

namespace hadal::cli {
namespace {

constexpr const char* kManAbout =
    "Write the pages of the manual to a folder.\n"
    "\n"
    "One page for hadal and one for each of its commands, made from the same texts as --help.\n"
    "\n"
    "Examples:\n"
    "  hadal man ~/.local/share/man/man1 && man hadal-serve\n"
    "  hadal man /tmp/pages && man /tmp/pages/hadal-run.1";

// Text that roff prints as it is, with hyphens that can be copied into a shell.
std::string Plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out;
}

// One line of text: what begins as a request of roff does is none.
std::string TextLine(std::string_view text) {
  const bool request = text.starts_with('.') || text.starts_with('\'');
  return (request ? "\\&" : "") + Plain(text) + "\n";
}

std::string Bold(std::string_view text) { return "\\fB" + Plain(text) + "\\fR"; }

// "hadal plan show" -> "hadal-plan-show".
std::string PageName(std::string path) {
  for (char& c : path)
    if (c == ' ') c = '-';
  return path;
}

// A command's help text: paragraphs, indented lines that stay as they are, headings with a colon.
std::string Description(const std::string& text) {
  std::string out;
  std::istringstream lines(text);
  bool as_it_is = false;
  const auto keep = [&](bool on) {
    if (on != as_it_is) out += on ? ".EX\n" : ".EE\n";
    as_it_is = on;
  };
  for (std::string line; std::getline(lines, line);) {
    keep(line.starts_with("  "));
    if (line == "Examples:" || line == "Example:")
      out += ".SH EXAMPLES\n";
    else
      out += line.empty() ? ".PP\n" : TextLine(line);
  }
  keep(false);
  return out;
}

std::string OptionText(const OptionInfo& option) {
  std::string names;
  for (const std::string& name : option.names) names += (names.empty() ? "" : ", ") + Bold(name);
  if (option.takes_value)
    names += (names.empty() ? "\\fI" : " \\fI") + Plain(option.value) + "\\fR";
  std::string more;
  if (!option.choices.empty()) more = fmt::format("{}", fmt::join(option.choices, ", "));
  if (!option.default_text.empty())
    more += (more.empty() ? "default: " : "; default: ") + option.default_text;
  return ".TP\n" + names + "\n" + TextLine(option.help + (more.empty() ? "" : " (" + more + ")"));
}

std::string Synopsis(const CommandInfo& command, const std::string& path) {
  std::string out = Bold(path) + " [\\fIoptions\\fR]";
  for (const OptionInfo& option : command.options)
    if (option.names.empty()) out += " \\fI" + Plain(option.value) + "\\fR";
  if (!command.commands.empty()) out += " [\\fIcommand\\fR]";
  return out + "\n";
}

std::string PageText(const CommandInfo& command, const std::string& path,
                     const std::string& version) {
  std::string out =
      fmt::format(".TH {} 1 \"\" \"hadal {}\" \"hadal\\(aqs manual\"\n", PageName(path), version);
  out += ".SH NAME\n" + Plain(PageName(path)) + " \\- " + Plain(command.summary) + "\n";
  out += ".SH SYNOPSIS\n" + Synopsis(command, path);
  const bool only_examples = command.text.starts_with("Example");
  out += (only_examples || command.text.empty() ? "" : ".SH DESCRIPTION\n") +
         Description(command.text);
  if (!command.commands.empty()) out += ".SH COMMANDS\n";
  for (const CommandInfo& below : command.commands)
    out += ".TP\n" + Bold(PageName(path + " " + below.name)) + "(1)\n" + TextLine(below.summary);
  if (!command.options.empty()) out += ".SH OPTIONS\n";
  for (const OptionInfo& option : command.options) out += OptionText(option);
  return out;
}

void AddPages(const CommandInfo& command, const std::string& path, const std::string& version,
              std::vector<ManPage>* pages) {
  pages->push_back({PageName(path) + ".1", PageText(command, path, version)});
  for (const CommandInfo& below : command.commands)
    AddPages(below, path + " " + below.name, version, pages);
}

Status WritePages(const CommandInfo& program, const std::string& folder, bool force) {
  const std::vector<ManPage> pages = ManPages(program, HADAL_VERSION);
  std::vector<std::string> paths;
  paths.reserve(pages.size());
  for (const ManPage& page : pages) paths.push_back(folder + "/" + page.file);
  HADAL_TRY_STATUS(CheckFree(paths, force));
  HADAL_TRY(const io::OutFolder made, io::OutFolder::Make(folder));
  for (std::size_t i = 0; i < pages.size(); ++i)
    HADAL_TRY_STATUS(io::WriteFile(paths[i], pages[i].text));
  return Unit{};
}

}  // namespace

std::vector<ManPage> ManPages(const CommandInfo& program, const std::string& version) {
  std::vector<ManPage> pages;
  AddPages(program, program.name, version, &pages);
  return pages;
}

void AddMan(Command app, Work* work) {
  const Command man = app.AddCommand("man", kManAbout);
  struct Options {
    std::string folder;
    bool force = false;
  };
  auto options = std::make_shared<Options>();
  man.AddOption("FOLDER", options->folder, "where the pages go; made if it is not there")
      .Required();
  AddForce(man, &options->force);
  man.OnChosen([app, work, options] {
    *work = [app, options] { return WritePages(app.Describe(), options->folder, options->force); };
  });
}

}  // namespace hadal::cli
