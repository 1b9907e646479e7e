// The command line: commands, their flags, and where the values go. CLI11 reads it, behind this one
// header; its own, with the code that it leaves in every file that includes it, takes the compiler
// longer than all the rest of a command.
//
//   Command quantize = app.AddCommand("quantize", "Convert a checkpoint.\n\nExamples: ...");
//   quantize.AddOption("--to", options->to, "published, f32 or bf16")
//       .Check(OneOf({...}))
//       .ShowDefault();
//   quantize.OnChosen([options, work] { *work = [options] { return Quantize(*options); }; });
//
// Names are "-m,--model" for flags and "MODEL" for what needs none; "!--no-x" among a flag's names
// sets it to false. Commands and options are handles, cheap to copy, of things that live as long as
// the Program. Variables must outlive Parse.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace hadal::cli {

// What a value must be. `check` returns what is wrong with the text, or nothing, and may rewrite
// it.
struct Validator {
  std::function<std::string(std::string& text)> check;
  std::string in_help = {};  // stands beside the option there
};

Validator OneOf(std::vector<std::string> names);

// What the program says of itself, for scripts that complete its command lines and for its manual.
struct OptionInfo {
  std::vector<std::string> names;  // "-m", "--model"; none: what needs no name
  std::string about, help;         // the first words of its help, and all of it
  bool takes_value = false;
  std::string value, default_text;   // its value's kind or name; what it is if not given
  std::vector<std::string> choices;  // if only these values are good
};
struct CommandInfo {
  std::string name, about;    // its first words
  std::string summary, text;  // its first line; what its help says below the first line
  std::vector<OptionInfo> options;
  std::vector<CommandInfo> commands;
};

class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option Check(const Validator& validator) const;
  Option Required() const;
  Option ShowDefault() const;              // the variable's value now, in --help
  Option Delimiter(char separator) const;  // a list in one argument
  Option OneValueEach() const;             // of a list: each value has the option's name in front
  Option Excludes(Option other) const;
  Option Needs(Option other) const;
  bool given() const;  // after Parse

 private:
  CLI::Option* option_;
};

class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}

  // `about`: the first line stands in the list of commands, all of it in the command's own help.
  Command AddCommand(const std::string& name, const std::string& about) const;

  // T: one of the types that command_line.cc lists at its end. Text that is no T is wrong usage, as
  // is an empty one.
  template <class T>
  Option AddOption(const std::string& names, T& variable, const std::string& help) const;
  Option AddText(const std::string& names, std::string& variable,
                 const std::string& help) const;  // which may be empty
  // T: bool, or an optional bool, or an int that counts how often the flag is given.
  template <class T>
  Option AddFlag(const std::string& names, T& variable, const std::string& help) const;
  Option AddFlag(const std::string& names, const std::string& help) const;  // sets nothing
  Option Find(const std::string& name) const;                               // one added before

  CommandInfo Describe() const;

  // Work is called once the command's flags are read and `check`, if there is one, finds nothing
  // wrong in them together: an error is wrong usage.
  using Checking = std::function<Status()>;
  void OnChosen(std::function<void()> work, const Checking& check = {}) const;
  void OnChosenAlone(std::function<void()> work, const Checking& check = {}) const;  // without one
                                                                                     // of its own
  void RequireCommand() const;  // one of its own must be chosen
  // Instead of OnChosen and options: all arguments that follow the command, --help too, as they
  // are.
  void TakeAll(std::function<void(std::vector<std::string>)> work) const;

 private:
  CLI::App* app_;
};

class Program {
 public:
  Program(const std::string& name, const std::string& about, const std::string& version);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  Command command() const { return Command(app_.get()); }
  std::string Help() const;
  // The exit code if nothing is left to do: 0 after help or version, 2 after wrong usage, which is
  // printed. Otherwise the chosen command's OnChosen has been called.
  std::optional<int> Parse(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace hadal::cli
