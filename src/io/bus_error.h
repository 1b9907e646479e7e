// A mapped file that is cut short, or whose disk fails, while a program reads it ends that program
// with the signal SIGBUS: there is no return value that could say so. This turns it into one line
// and exit code
// 1, as for any other bad file.
#pragma once

namespace hadal::io {

// From main, once. `program` begins the line; it must stay valid. Any other SIGBUS ends the program
// as before.
void ExplainBusErrors(const char* program);

}  // namespace hadal::io
