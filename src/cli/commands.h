// The commands of `hadal`. Each lives in a file of its own, cli/<command>.cc, with an Add function
// that declares its flags on the app and, when the command is chosen, sets *work to the work.
//
// The work returns Ok (exit code 0) or an Error (printed as one line, exit code 1); that all its
// output was written, Main checks. Bad flags are
// command_line.h's matter: exit code 2.
#pragma once
#include <functional>

#include "base/result.h"
#include "cli/command_line.h"

namespace hadal::cli {

using Work = std::function<Status()>;

void AddRun(Command app, Work* work);
void AddServe(Command app, Work* work);
void AddTokenize(Command app, Work* work);
void AddTokenizer(Command app, Work* work);   // `tokenizer train`
void AddChat(Command app, Work* work);        // `chat`, `chat encode`, `chat parse`
void AddCompletion(Command app, Work* work);  // `completion bash`
void AddMan(Command app, Work* work);         // pages of the manual
void AddInspect(Command app, Work* work);
void AddQuantize(Command app, Work* work);
void AddBench(Command app, Work* work);
void AddDoctor(Command app, Work* work);
void AddCache(Command app, Work* work);  // `cache ls`, `stats`, `verify`, `rm`
void AddSynth(Command app, Work* work);
void AddEval(Command app, Work* work);  // `eval golden`, `eval perplexity` and these two
void AddEvalNeedle(Command eval, Work* work);
void AddEvalAbilities(Command eval, Work* work);
void AddPlan(Command app, Work* work);   // `plan show`, `claims`, `compare`, ...
void AddData(Command app, Work* work);   // text to train on
void AddTrain(Command app, Work* work);  // starts the program hadal-train

// The program of all of them (cli/main.h).
int Main(int argc, char** argv);

}  // namespace hadal::cli
