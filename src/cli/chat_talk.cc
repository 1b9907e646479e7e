// hadal chat: a conversation in the terminal.
#include <cstdlib>
#include <iostream>
#include <memory>

#include "base/progress.h"
#include "cli/chat.h"
#include "cli/disk_cache_flags.h"
#include "cli/expert_flags.h"
#include "cli/flags.h"
#include "cli/note.h"
#include "cli/sample_flags.h"
#include "cli/speculate_flags.h"
#include "engine/model_files.h"
#include "talk/engine_answerer.h"
#include "talk/history_file.h"
#include "talk/http_answerer.h"
#include "talk/interrupt.h"
#include "talk/talk.h"

namespace hadal::cli {
namespace {

struct TalkOptions {
  std::string model, load, system, history;
  SampleFlags sample;
  SpeculateFlags speculate;
  talk::EngineOptions engine;
  ExpertFlags experts;
  talk::ServerOptions server;
  std::size_t threads = 0;
  bool think = false, max = false, fold = false, no_history = false;
};

Result<talk::Conversation> FirstConversation(const TalkOptions& options,
                                             const engine::SampleOptions& model) {
  talk::Conversation conversation;
  conversation.sample = SampleWith(options.sample, model);
  if (!options.load.empty()) {
    HADAL_TRY(conversation, talk::LoadConversation(options.load));
    const std::uint64_t seed = conversation.sample.seed;
    conversation.sample = SampleWith(options.sample, conversation.sample);
    if (!options.sample.seed) conversation.sample.seed = seed;
  }
  if (options.think) conversation.effort = talk::Effort::kHigh;
  if (options.max) conversation.effort = talk::Effort::kMax;
  if (!options.system.empty()) conversation.set_system(options.system);
  return conversation;
}

// What a server is asked for: what was given, over what a conversation from a file had.
Json Draws(const TalkOptions& options, const talk::Conversation& conversation) {
  Json draws = Json::MakeObject({});
  const Json whole = ConversationJson(conversation), given = GivenDraws(options.sample);
  if (!options.load.empty())
    for (const auto& [key, value] : *whole.Find("sampling")->AsObject())
      if (key != "seed" && key != "choice") draws.Set(key, value);
  for (const auto& [key, value] : *given.AsObject()) draws.Set(key, value);
  return draws;
}

std::unique_ptr<talk::LineSource> Lines(const TalkOptions& options, bool terminal) {
  if (!terminal || !IsTerminal(0)) return talk::StreamLines(std::cin);
  const std::string file = options.history.empty() ? talk::DefaultHistory() : options.history;
  return talk::EditedLines(options.no_history ? "" : file);
}

Status TalkWith(talk::Answerer& answerer, talk::Conversation conversation,
                const TalkOptions& options) {
  talk::Screen screen(std::cout, talk::ScreenOfStdout());
  screen.set_folded(options.fold);
  screen.Note(answerer.about() +
              "\n/help lists the commands; Ctrl-C stops an answer, Ctrl-D ends\n\n");
  const auto lines = Lines(options, screen.terminal());
  return talk::Talk(answerer, *lines, screen, std::move(conversation)).Run();
}

Status ChatWithServer(const TalkOptions& options) {
  talk::ServerOptions server = options.server;
  server.max_tokens = options.engine.max_tokens;
  if (const char* key = std::getenv("HADAL_API_KEY"); key != nullptr) server.api_key = key;
  HADAL_TRY(talk::Conversation conversation, FirstConversation(options, {}));
  server.draws = Draws(options, conversation);
  HADAL_TRY(const auto answerer, talk::HttpAnswerer::Create(server));
  return TalkWith(*answerer, std::move(conversation), options);
}

Status Chat(const TalkOptions& options) {
  if (!options.server.url.empty()) return ChatWithServer(options);
  HADAL_TRY(const engine::ModelFiles files,
            engine::OpenModel(options.model, OpenWith(options.experts, options.engine.ram_bytes,
                                                      talk::Interrupted(), false)));
  for (const std::string& note : files.model.notes) PrintNote(note);
  HADAL_TRY(talk::Conversation conversation, FirstConversation(options, files.generation.sample));
  Threads threads(options.threads);
  talk::EngineOptions engine = options.engine;
  engine.experts_profile = options.experts.profile;
  engine.speculate = SpeculateWith(options.speculate);
  engine.disk = DiskCacheWith(options.engine.disk, talk::Interrupted());
  if (engine::IsEmbeddedModel(options.model) && !engine.max_tokens)
    engine.max_tokens = engine::kDefaultMaxTokens;
  HADAL_TRY(const auto answerer,
            talk::EngineAnswerer::Create(files, threads, engine, talk::Interrupted()));
  if (!answerer->note().empty()) PrintNote(answerer->note());
  return TalkWith(*answerer, std::move(conversation), options);
}

}  // namespace

void AddTalk(Command chat, Work* work) {
  auto options = std::make_shared<TalkOptions>();
  chat.AddOption("-m,--model", options->model, "checkpoint directory");
  chat.AddOption("--load", options->load, "go on with a conversation that /save has written");
  chat.AddText("--system", options->system, "the system's message");
  const Option think = chat.AddFlag("--think", options->think, "reason before answers, as /think");
  chat.AddFlag("--max", options->max, "reason as thoroughly as the model can, as /max")
      .Excludes(think);
  chat.AddFlag("--fold", options->fold, "show reasoning as one line, as /fold");
  chat.AddOption("--ctx", options->engine.context,
                 "tokens of the conversation (default: 32K, or what the model has)")
      .Check(Size(1));
  chat.AddOption(
          "--max-tokens", options->engine.max_tokens,
          "end an answer after so many tokens (default: what is left of the context; 256 with "
          "the embedded model)")
      .Check(Size(1));
  AddSampleFlags(chat, &options->sample);
  AddRam(chat, &options->engine.ram_bytes);
  AddExpertFlags(chat, &options->experts);
  AddThreads(chat, &options->threads);
  AddSpeculateFlags(chat, &options->speculate);
  AddDiskCacheFlags(chat, &options->engine.disk);
  const Option history =
      chat.AddOption("--history", options->history,
                     "where to keep what was typed (default: ~/.local/state/hadal/chat_history)");
  chat.AddFlag("--no-history", options->no_history, "keep it nowhere").Excludes(history);
  const Option url = chat.AddOption(
      "--url", options->server.url,
      "talk to a server of the chat completions API instead, such as hadal serve; its "
      "key in HADAL_API_KEY");
  chat.AddOption("--url-model", options->server.model, "the server's model (default: its first)")
      .Needs(url);
  for (const char* name :
       {"--model", "--ctx", "--ram", "--experts", "--experts-profile", "--threads", "--speculate",
        "--draft-depth", "--cache-dir", "--cache-disk"})
    url.Excludes(chat.Find(name));
  chat.OnChosenAlone([options, work] { *work = [options] { return Chat(*options); }; },
                     [options, url] {
                       return url.given() ? talk::CheckServerUrl(options->server.url)
                                          : Status(Unit{});
                     });
}

}  // namespace hadal::cli
