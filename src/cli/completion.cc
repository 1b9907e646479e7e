// hadal completion: what a shell needs to complete command lines of hadal.
#include "cli/completion.h"

#include <fmt/format.h>

#include <cstdio>
#include <functional>
#include <memory>

#include "cli/commands.h"

namespace hadal::cli {
namespace {

constexpr const char* kCompletionAbout =
    "Print a script that completes hadal's command lines in a shell.\n"
    "\n"
    "Examples:\n"
    "  source <(hadal completion bash)                                  in this shell\n"
    "  hadal completion bash > ~/.local/share/bash-completion/completions/hadal\n"
    "  hadal completion zsh > \"${fpath[1]}/_hadal\"\n"
    "  hadal completion fish > ~/.config/fish/completions/hadal.fish";

// Every command with its path ("hadal plan show"), from the program downwards.
using Visit = std::function<void(const std::string& path, const CommandInfo& command)>;
void ForEach(const CommandInfo& command, const std::string& path, const Visit& visit) {
  visit(path, command);
  for (const CommandInfo& below : command.commands) ForEach(below, path + " " + below.name, visit);
}

std::string Join(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

// Within '...' of all three shells.
std::string Quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// Arms of a `case` over "$place:$before": what may follow an option.
std::string ValueArms(const CommandInfo& program, const char* choices, const char* files) {
  std::string arms;
  ForEach(program, program.name, [&](const std::string& path, const CommandInfo& command) {
    for (const OptionInfo& option : command.options) {
      if (!option.takes_value || option.names.empty()) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names)
        patterns.push_back(Quoted(fmt::format("{}:{}", path, name)));
      const std::string action = option.choices.empty()
                                     ? std::string(files)
                                     : fmt::format(fmt::runtime(choices), Join(option.choices));
      arms += fmt::format("    {}) {} ;;\n", fmt::join(patterns, " | "), action);
    }
  });
  return arms;
}

// Arms of a `case` over "$place $word": words that are commands.
std::string CommandArms(const CommandInfo& program) {
  std::vector<std::string> patterns;
  ForEach(program, program.name, [&](const std::string& path, const CommandInfo& command) {
    for (const CommandInfo& below : command.commands)
      patterns.push_back(Quoted(path + " " + below.name));
  });
  return fmt::format("      {}) place=\"$place $word\" ;;\n", fmt::join(patterns, " | "));
}

std::vector<std::string> Options(const CommandInfo& command) {
  std::vector<std::string> names;
  for (const OptionInfo& option : command.options)
    names.insert(names.end(), option.names.begin(), option.names.end());
  return names;
}

// What a command takes without a name, if only some words are good.
std::vector<std::string> PlainChoices(const CommandInfo& command) {
  std::vector<std::string> choices;
  for (const OptionInfo& option : command.options)
    if (option.names.empty())
      choices.insert(choices.end(), option.choices.begin(), option.choices.end());
  return choices;
}

std::string Bash(const CommandInfo& program) {
  std::string words;
  ForEach(program, program.name, [&](const std::string& path, const CommandInfo& command) {
    std::vector<std::string> names = PlainChoices(command);
    for (const CommandInfo& below : command.commands) names.push_back(below.name);
    words += fmt::format("    {}) commands={} options={} ;;\n", Quoted(path), Quoted(Join(names)),
                         Quoted(Join(Options(command))));
  });
  return "# Completion of hadal's command lines for bash; made by `hadal completion bash`.\n"
         "_hadal() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "  local place=hadal word commands= options=\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD - 1}\"; do\n"
         "    case \"$place $word\" in\n" +
         CommandArms(program) +
         "    esac\n"
         "  done\n"
         "  case \"$place:$before\" in\n" +
         ValueArms(program, "COMPREPLY=($(compgen -W '{}' -- \"$current\")); return",
                   "COMPREPLY=($(compgen -f -- \"$current\")); return") +
         "  esac\n"
         "  case \"$place\" in\n" +
         words +
         "  esac\n"
         "  if [[ $current == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
         "  elif [[ -n $commands ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$commands\" -- \"$current\"))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -f -- \"$current\"))\n"
         "  fi\n"
         "}\n"
         "complete -o filenames -o bashdefault -F _hadal hadal\n";
}

// "word:what it does", with the colons of the word escaped.
std::string Described(const std::string& word, const std::string& about) {
  std::string out;
  for (const char c : word) out += c == ':' ? std::string("\\:") : std::string(1, c);
  return Quoted(out + ":" + about);
}

std::string Zsh(const CommandInfo& program) {
  std::string words;
  ForEach(program, program.name, [&](const std::string& path, const CommandInfo& command) {
    std::string commands, options;
    for (const CommandInfo& below : command.commands)
      commands += " " + Described(below.name, below.about);
    for (const std::string& choice : PlainChoices(command)) commands += " " + Described(choice, "");
    for (const OptionInfo& option : command.options)
      for (const std::string& name : option.names) options += " " + Described(name, option.about);
    words +=
        fmt::format("    {}) commands=({} ) options=({} ) ;;\n", Quoted(path), commands, options);
  });
  return "#compdef hadal\n"
         "# Completion of hadal's command lines for zsh; made by `hadal completion zsh`.\n"
         "_hadal() {\n"
         "  local current=${words[CURRENT]} before=${words[CURRENT-1]}\n"
         "  local word place=hadal\n"
         "  local -a commands options\n"
         "  for word in \"${(@)words[2,CURRENT-1]}\"; do\n"
         "    case \"$place $word\" in\n" +
         CommandArms(program) +
         "    esac\n"
         "  done\n"
         "  case \"$place:$before\" in\n" +
         ValueArms(program, "compadd -- {}; return", "_files; return") +
         "  esac\n"
         "  case \"$place\" in\n" +
         words +
         "  esac\n"
         "  if [[ $current == -* ]]; then\n"
         "    _describe option options\n"
         "  elif (( ${#commands} )); then\n"
         "    _describe command commands\n"
         "  else\n"
         "    _files\n"
         "  fi\n"
         "}\n"
         "if [[ $funcstack[1] == _hadal ]]; then _hadal \"$@\"; else compdef _hadal hadal; fi\n";
}

std::string Fish(const CommandInfo& program) {
  std::string lines, patterns;
  ForEach(program, program.name, [&](const std::string& path, const CommandInfo& command) {
    const std::string here = fmt::format("complete -c hadal -n '__hadal_at \"{}\"'", path);
    for (const CommandInfo& below : command.commands) {
      lines += fmt::format("{} -f -a {} -d {}\n", here, below.name, Quoted(below.about));
      patterns += fmt::format(" '{} {}'", path, below.name);
    }
    for (const std::string& choice : PlainChoices(command))
      lines += fmt::format("{} -f -a {}\n", here, choice);
    for (const OptionInfo& option : command.options) {
      if (option.names.empty()) continue;
      std::string line = here;
      for (const std::string& name : option.names)
        line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (option.takes_value) line += " -r";
      if (!option.choices.empty()) line += " -f -a " + Quoted(Join(option.choices));
      lines += line + " -d " + Quoted(option.about) + "\n";
    }
  });
  return "# Completion of hadal's command lines for fish; made by `hadal completion fish`.\n"
         "function __hadal_at\n"
         "  set -l place hadal\n"
         "  for word in (commandline -opc)[2..-1]\n"
         "    if contains -- \"$place $word\"" +
         patterns +
         "\n"
         "      set place \"$place $word\"\n"
         "    end\n"
         "  end\n"
         "  test \"$place\" = \"$argv[1]\"\n"
         "end\n" +
         lines;
}

}  // namespace

std::string CompletionScript(const CommandInfo& program, const std::string& shell) {
  if (shell == "bash") return Bash(program);
  return shell == "zsh" ? Zsh(program) : Fish(program);
}

void AddCompletion(Command app, Work* work) {
  const Command completion = app.AddCommand("completion", kCompletionAbout);
  auto shell = std::make_shared<std::string>();
  completion.AddOption("SHELL", *shell, "bash, zsh or fish")
      .Check(OneOf({"bash", "zsh", "fish"}))
      .Required();
  completion.OnChosen([app, work, shell] {
    *work = [app, shell]() -> Status {
      std::fputs(CompletionScript(app.Describe(), *shell).c_str(), stdout);
      return Unit{};
    };
  });
}

}  // namespace hadal::cli
