#include <sstream>

#include "base/check.h"
#include "datagen/texts.h"
#include "datagen/tool_words.h"

namespace hadal::datagen {
namespace {

std::vector<std::string> Split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, by);)
    if (!part.empty()) parts.push_back(part);
  return parts;
}

Action ParseAction(const std::string& line) {
  const std::vector<std::string> fields = Split(line, '|');
  HADAL_CHECK(fields.size() == 7);
  return {Split(fields[0], ','), fields[1], fields[2], Split(fields[3], ';'), Split(fields[4], ' '),
          Split(fields[5], ' '), fields[6]};
}

}  // namespace

const std::vector<Action>& AllActions() {
  static const std::vector<Action> actions = [] {
    std::vector<Action> all;
    for (const std::string& line : Split(kActionsText, '\n')) all.push_back(ParseAction(line));
    return all;
  }();
  return actions;
}

}  // namespace hadal::datagen
