// The conversation as the user has it: lines that are messages, and lines that begin with a slash
// and are commands.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "talk/answerer.h"
#include "talk/conversation.h"
#include "talk/line_source.h"
#include "talk/screen.h"

namespace hadal::talk {

// The commands, a line each.
std::string CommandHelp();

class Talk {
 public:
  // All outlive it. The conversation begins as it is given.
  Talk(Answerer& answerer, LineSource& lines, Screen& screen, Conversation conversation);

  // Until the lines end, or /quit. On a terminal what fails is shown and the talk goes on; in a
  // pipe, where nobody sees it, it ends with the error.
  Status Run();

  const Conversation& conversation() const { return conversation_; }

 private:
  struct Command {
    const char *name, *argument, *help;
    Status (Talk::*run)(const std::string& argument);
  };
  friend std::string CommandHelp();
  static const std::vector<Command>& Commands();

  // One message or command, of several lines if they say so; one between fences is a message
  // whatever it begins with. False: there are no more.
  bool ReadMessage(std::string* text, bool* fenced);
  void ReadBlock(std::string* text);
  Status Obey(std::string_view line);
  Status Ask(const std::string& text);
  Status Reply();  // to the conversation as it is

  Status SetThink(const std::string& argument);
  Status SetNoThink(const std::string& argument);
  Status SetMax(const std::string& argument);
  Status System(const std::string& argument);
  Status ReadIn(const std::string& argument);
  Status Save(const std::string& argument);
  Status Load(const std::string& argument);
  Status Regenerate(const std::string& argument);
  Status Undo(const std::string& argument);
  Status New(const std::string& argument);
  Status Fold(const std::string& argument);
  Status Stats(const std::string& argument);
  Status Context(const std::string& argument);
  Status Help(const std::string& argument);
  Status Quit(const std::string& argument);

  Answerer& answerer_;
  LineSource& lines_;
  Screen& screen_;
  Conversation conversation_;
  std::string attached_;  // files in front of the next message
  Answer last_;
  bool quit_ = false;
};

}  // namespace hadal::talk
