// The modes that the terminal at stdin has now come back when SIGTERM or SIGHUP ends the program,
// which a line that is being edited has changed. The signals then do what they did before.
#pragma once

namespace hadal::talk {

// Once, before lines are edited. Signals that are ignored stay so.
void KeepTerminalModes();

}  // namespace hadal::talk
