#include "cli/commands.h"

#include "cli/main.h"

namespace hadal::cli {
namespace {

constexpr const char* kProgramAbout =
    "hadal runs, trains and sizes DeepSeek-V4 models on ordinary machines.\n"
    "\n"
    "Examples:\n"
    "  hadal run --chat -p \"Who are you?\"           the embedded model answers\n"
    "  hadal run -p \"Once upon a time\"              or continues a text\n"
    "  hadal run -m ~/DeepSeek-V4-Flash -f prompt.txt\n"
    "  hadal plan compare v3.2 v4-flash              what models cost in memory and arithmetic\n"
    "  hadal inspect models/embedded                 what a checkpoint holds\n"
    "  hadal COMMAND --help                          more about a command";

void AddAll(Command app, Work* work) {
  AddRun(app, work);
  AddServe(app, work);
  AddData(app, work);
  AddTrain(app, work);
  AddEval(app, work);
  AddPlan(app, work);
  AddInspect(app, work);
  AddQuantize(app, work);
  AddSynth(app, work);
  AddCache(app, work);
  AddDoctor(app, work);
  AddBench(app, work);
  AddTokenize(app, work);
  AddTokenizer(app, work);
  AddChat(app, work);
  AddCompletion(app, work);
  AddMan(app, work);
}

}  // namespace

int Main(int argc, char** argv) { return Main({kProgramAbout, AddAll}, argc, argv); }

}  // namespace hadal::cli
