// The commands of `hadal`. Each lives in a file of its own, cli/<command>.cc, with an Add function
// that declares its flags on the app and, when the command is chosen, sets *run to the work.
//
// The work returns Ok (exit code 0) or an Error (printed as one line, exit code 1); that all its output was
// written, Main checks. Bad flags are
// CLI11's matter: exit code 2.
#pragma once
#include <CLI/CLI.hpp>
#include <functional>

#include "base/result.h"

namespace hadal::cli {

using Work = std::function<Status()>;

void AddRun(CLI::App& app, Work* work);
void AddTokenize(CLI::App& app, Work* work);
void AddTokenizer(CLI::App& app, Work* work);  // `tokenizer train`
void AddChat(CLI::App& app, Work* work);  // `chat encode`, `chat parse`
void AddInspect(CLI::App& app, Work* work);
void AddQuantize(CLI::App& app, Work* work);
void AddBench(CLI::App& app, Work* work);
void AddDoctor(CLI::App& app, Work* work);
void AddSynth(CLI::App& app, Work* work);
void AddEval(CLI::App& app, Work* work);   // `eval golden`, `eval perplexity`
void AddPlan(CLI::App& app, Work* work);   // `plan show`, `claims`, `compare`, ...
void AddTrain(CLI::App& app, Work* work);  // starts the program hadal-train

// argv[0] is needed to find the embedded model and hadal-train beside the program.
int Main(int argc, char** argv);

}  // namespace hadal::cli
