// The generator's long tables, each in a text file of its own beside this one.
#pragma once

namespace hadal::datagen {

extern const char* const kPlotsAtHomeText;   // plots_home.txt, read by plots.h
extern const char* const kPlotsOutsideText;  // plots_outside.txt
extern const char* const kPlotsVillageText;
extern const char* const kPlotsJourneysText;
// tool_actions.txt, an action a line, read by tool_words.h:
//   verbs | object | description | requests, divided by ";" | needs | gives | reply
extern const char* const kActionsText;

}  // namespace hadal::datagen
