#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <sstream>
#include <type_traits>
#include <utility>

#include "base/quote.h"

namespace hadal::cli {
namespace {

// A command's text is one string, its first line the summary. In the list of commands only the
// summary is shown, in the command's own help all of it.
void SplitDescriptions(CLI::App& app) {
  const std::string text = app.get_description();
  if (const std::size_t line = text.find('\n'); line != std::string::npos) {
    app.description(text.substr(0, line));
    app.footer(text.substr(line + 2));  // an empty line lies between
  }
  for (CLI::App* command : app.get_subcommands({})) SplitDescriptions(*command);
}

// Up to where a person stops to read: of a help text, what fits beside a completion.
std::string FirstWords(const std::string& text) {
  return text.substr(0, text.find_first_of(":;(\n"));
}

OptionInfo DescribeOption(const CLI::Option& option) {
  OptionInfo info;
  for (const std::string& name : option.get_snames()) info.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) info.names.push_back("--" + name);
  info.help = option.get_description();
  info.about = FirstWords(info.help);
  info.takes_value = option.get_expected_max() > 0;
  info.default_text = option.get_default_str();
  // CLI11 keeps what a value may be as text alone: "TEXT:{bash,zsh,fish}".
  const std::string type = option.get_type_name();
  const std::size_t begin = type.find('{'), end = type.find('}');
  if (begin != type.npos && end != type.npos)
    info.choices = CLI::detail::split(type.substr(begin + 1, end - begin - 1), ',');
  info.value = info.names.empty() ? option.get_name() : type.substr(0, type.find(':'));
  return info;
}

CommandInfo DescribeApp(const CLI::App& app) {
  CommandInfo info{.name = app.get_name(),
                   .about = FirstWords(app.get_description()),
                   .summary = app.get_description(),
                   .text = app.get_footer(),
                   .options = {},
                   .commands = {}};
  for (const CLI::Option* option : app.get_options({}))
    info.options.push_back(DescribeOption(*option));
  for (const CLI::App* command : app.get_subcommands({}))
    info.commands.push_back(DescribeApp(*command));
  return info;
}

template <class T>
constexpr bool kIsText =
    std::is_same_v<T, std::string> || std::is_same_v<T, std::optional<std::string>> ||
    std::is_same_v<T, std::vector<std::string>>;

std::string RefuseEmpty(const std::string& text) {
  return text.empty() ? "found an empty text" : "";
}

std::function<void()> Checked(std::function<void()> work, const Command::Checking& check) {
  if (!check) return work;
  return [work = std::move(work), check] {
    if (const Status fine = check(); !fine.ok()) throw CLI::ValidationError(fine.error().what);
    work();
  };
}

}  // namespace

Validator OneOf(std::vector<std::string> names) {
  const CLI::Validator member = CLI::IsMember(std::move(names));
  return {[member](std::string& text) { return member(text); }, member.get_description()};
}

Option Option::Check(const Validator& validator) const {
  option_->transform(CLI::Validator(validator.check, validator.in_help));
  return *this;
}

Option Option::Required() const {
  option_->required();
  return *this;
}

Option Option::ShowDefault() const {
  option_->capture_default_str();
  return *this;
}

Option Option::Delimiter(char separator) const {
  option_->delimiter(separator);
  return *this;
}

Option Option::OneValueEach() const {
  option_->allow_extra_args(false);
  return *this;
}

Option Option::Excludes(Option other) const {
  option_->excludes(other.option_);
  return *this;
}

Option Option::Needs(Option other) const {
  option_->needs(other.option_);
  return *this;
}

bool Option::given() const { return option_->count() > 0; }

Command Command::AddCommand(const std::string& name, const std::string& about) const {
  // What the program itself takes, --verbose, may stand behind the command too.
  return Command(app_->add_subcommand(name, about)->fallthrough());
}

template <class T>
Option Command::AddOption(const std::string& names, T& variable, const std::string& help) const {
  CLI::Option* option = app_->add_option(names, variable, help);
  if constexpr (kIsText<T>) option->check(CLI::Validator(RefuseEmpty, ""));
  return Option(option);
}

Option Command::AddText(const std::string& names, std::string& variable,
                        const std::string& help) const {
  return Option(app_->add_option(names, variable, help));
}

template <class T>
Option Command::AddFlag(const std::string& names, T& variable, const std::string& help) const {
  return Option(app_->add_flag(names, variable, help));
}

Option Command::AddFlag(const std::string& names, const std::string& help) const {
  return Option(app_->add_flag(names)->description(help));
}

Option Command::Find(const std::string& name) const { return Option(app_->get_option(name)); }

void Command::OnChosen(std::function<void()> work, const Checking& check) const {
  app_->callback(Checked(std::move(work), check));
}

void Command::RequireCommand() const {
  app_->require_subcommand(0, 1);  // by the callback: so that a wrong name is named
  app_->callback([app = app_] {
    if (app->get_subcommands().empty()) throw CLI::RequiredError("A subcommand");
  });
}

void Command::OnChosenAlone(std::function<void()> work, const Checking& check) const {
  app_->require_subcommand(0, 1);
  app_->callback([app = app_, work = Checked(std::move(work), check)] {
    if (app->get_subcommands().empty()) work();
  });
}

CommandInfo Command::Describe() const { return DescribeApp(*app_); }

void Command::TakeAll(std::function<void(std::vector<std::string>)> work) const {
  app_->prefix_command();
  app_->fallthrough(false);
  app_->set_help_flag();
  app_->callback([app = app_, work = std::move(work)] { work(app->remaining()); });
}

Program::Program(const std::string& name, const std::string& about, const std::string& version)
    : app_(std::make_unique<CLI::App>(about, name)) {
  app_->set_version_flag("--version", version);
}

Program::~Program() = default;

std::string Program::Help() const { return app_->help(); }

std::optional<int> Program::Parse(int argc, char** argv) {
  SplitDescriptions(*app_);
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    std::ostringstream help, errors;
    const bool fine = app_->exit(e, help, errors) == 0;  // CLI11 has codes of its own
    std::fputs(help.str().c_str(), stdout);
    std::fputs(EscapeLines(errors.str()).c_str(), stderr);
    return fine ? 0 : 2;
  }
  return std::nullopt;
}

// The types that variables of options and flags have.
#define HADAL_OPTION_TYPE(...) \
  template Option Command::AddOption(const std::string&, __VA_ARGS__&, const std::string&) const
#define HADAL_FLAG_TYPE(...) \
  template Option Command::AddFlag(const std::string&, __VA_ARGS__&, const std::string&) const
HADAL_OPTION_TYPE(double);
HADAL_OPTION_TYPE(std::int64_t);
HADAL_OPTION_TYPE(std::size_t);
HADAL_OPTION_TYPE(std::string);
HADAL_OPTION_TYPE(std::optional<double>);
HADAL_OPTION_TYPE(std::optional<std::size_t>);
HADAL_OPTION_TYPE(std::optional<std::string>);
HADAL_OPTION_TYPE(std::optional<std::vector<std::size_t>>);
HADAL_OPTION_TYPE(std::vector<std::int32_t>);
HADAL_OPTION_TYPE(std::vector<std::size_t>);
HADAL_OPTION_TYPE(std::vector<std::string>);
HADAL_FLAG_TYPE(bool);
HADAL_FLAG_TYPE(int);
HADAL_FLAG_TYPE(std::optional<bool>);

}  // namespace hadal::cli
