// hadal serve: answer requests over HTTP.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>

#include "base/stop_signal.h"
#include "cli/commands.h"
#include "cli/disk_cache_flags.h"
#include "cli/expert_flags.h"
#include "cli/flags.h"
#include "cli/serve_page.h"
#include "cli/speculate_flags.h"
#include "server/api_key.h"
#include "server/server.h"

namespace hadal::cli {
namespace {

constexpr const char* kServeAbout =
    "Answer requests over HTTP, in the forms of OpenAI's, Anthropic's and DeepSeek's APIs.\n"
    "\n"
    "Without -m the embedded model is served. Listens on this machine alone, unless --host says\n"
    "otherwise; then a key is needed. Ctrl-C or SIGTERM: no new requests, those under way end.\n"
    "A browser finds a page at /: chats, the machine, the planner. docs/serve.md has the "
    "endpoints,\n"
    "and what clients need.\n"
    "\n"
    "Examples:\n"
    "  hadal serve\n"
    "  hadal serve -m ~/DeepSeek-V4-Flash --ctx 128K --parallel 4 --port 8000\n"
    "  hadal serve --host 0.0.0.0 --api-key-file keys.txt\n"
    "  hadal serve --verbose                         # logs every request, and what it cost\n"
    "  curl http://127.0.0.1:8080/v1/models";

struct ServeOptions {
  server::ServerOptions server;
  ExpertFlags experts;
  SpeculateFlags speculate;
  std::vector<std::string> keys;
  std::string key_file;
  std::size_t port = 8080;
  bool no_prefixes = false;
  std::string prefix_scope = "all", disk_windows = "periodic";
  std::string thinking, reasoning_field = "reasoning_content", metrics = "hadal";
};

void AddKeys(const std::string& list, std::vector<std::string>* keys) {
  std::istringstream in(list);
  for (std::string key; std::getline(in, key, ',');)
    if (!key.empty()) keys->push_back(key);
}

Result<std::vector<std::string>> Keys(const ServeOptions& options) {
  std::vector<std::string> keys;
  for (const std::string& list : options.keys) AddKeys(list, &keys);
  if (const char* list = std::getenv("HADAL_API_KEY"); list != nullptr) AddKeys(list, &keys);
  if (!options.key_file.empty()) {
    HADAL_TRY(const std::vector<std::string> more, server::ReadKeyFile(options.key_file));
    keys.insert(keys.end(), more.begin(), more.end());
  }
  return keys;
}

Status Serve(const ServeOptions& options) {
  const std::atomic<bool>& stop = StopRequested();
  server::ServerOptions server = options.server;
  server.engine.speculate = SpeculateWith(options.speculate);
  server.listener.port = static_cast<std::uint16_t>(options.port);
  server.model.open = OpenWith(options.experts, server.engine.ram_bytes, StopRequested(), false);
  server.engine.experts_profile = options.experts.profile;
  server.engine.disk = DiskCacheWith(server.engine.disk, StopRequested());
  server.engine.full_windows = options.disk_windows == "full";
  if (!options.thinking.empty()) server.thinking = options.thinking == "on";
  server.api.reasoning_content = options.reasoning_field != "reasoning";
  server.engine.keep_prefixes = !options.no_prefixes;
  server.limits.prefixes_by_key = options.prefix_scope == "key";
  server.vllm_metrics = options.metrics == "vllm";
  server.api.reasoning = options.reasoning_field != "reasoning_content";
  HADAL_TRY(server.api_keys, Keys(options));
  server.documents = PageDocuments(server.model.directory);
  HADAL_TRY(const std::unique_ptr<server::Server> open, server::Server::Open(server));
  for (const std::string& note : open->notes()) std::fprintf(stderr, "hadal: %s\n", note.c_str());
  std::printf("hadal: listening at %s\n", open->url().c_str());
  std::fflush(stdout);
  open->Run(stop);
  return Unit{};
}

void AddModelFlags(Command serve, ServeOptions* options) {
  server::ServerOptions& server = options->server;
  serve.AddOption("-m,--model", server.model.directory, "checkpoint directory");
  serve.AddOption("--name", server.model.name,
                  "the model's name for clients (default: its folder's)");
  serve.AddOption("--alias", server.model.aliases, "another name; may be given several times")
      .OneValueEach();
  serve.AddFlag("--any-model", server.model.any_name, "serve it whatever model a request names");
  serve
      .AddOption("--ctx", server.model.context,
                 "tokens of a request, prompt and answer (default: 32K, or what the model has)")
      .Check(Size(1));
  serve
      .AddOption("--parallel", server.engine.parallel,
                 "requests that run at once; memory is kept for a whole context of each")
      .Check(WholeNumber(1, 4096))
      .ShowDefault();
  AddThreads(serve, &server.engine.threads);
  AddRam(serve, &server.engine.ram_bytes);
  AddExpertFlags(serve, &options->experts);
  AddSpeculateFlags(serve, &options->speculate);
  serve
      .AddOption("--chunk", server.engine.chunk_rows,
                 "tokens of prompts read together: speed against scratch memory")
      .Check(WholeNumber(1, 65536))
      .ShowDefault();
}

void AddCacheFlags(Command serve, ServeOptions* options) {
  serve
      .AddOption("--cache-ram", options->server.engine.prefix_bytes,
                 "memory for states of texts that were read, besides what requests leave (default: "
                 "as much as two requests' whole contexts)")
      .Check(Size(0));
  serve
      .AddOption(
          "--cache-scope", options->prefix_scope,
          "whose texts a request may go on from: all, or (with keys) its key's alone, since the "
          "time to the first token tells what others asked")
      .Check(OneOf({"all", "key"}))
      .ShowDefault();
  AddDiskCacheFlags(serve, &options->server.engine.disk);
  serve
      .AddOption("--cache-windows", options->disk_windows,
                 "of which states along a prompt --cache-dir has windows and tails: full: of each "
                 "that is kept; periodic: of those at every 8,192nd token, and where prompts end "
                 "or part")
      .Check(OneOf({"full", "periodic"}))
      .ShowDefault();
  serve.AddFlag(
      "--no-cache", options->no_prefixes,
      "read every prompt from its beginning; --cache-dir is not used, for calls of tools neither");
}

void AddNetworkFlags(Command serve, ServeOptions* options) {
  server::ServerOptions& server = options->server;
  serve.AddOption("--host", server.listener.host, "address to listen at").ShowDefault();
  serve.AddOption("--port", options->port, "port; 0: any that is free")
      .Check(WholeNumber(0, 65535))
      .ShowDefault();
  serve
      .AddOption("--api-key", options->keys,
                 "a key that clients must send; several with commas, or the flag several times. "
                 "$HADAL_API_KEY too")
      .OneValueEach();
  serve.AddOption("--api-key-file", options->key_file, "a file with a key a line");
  serve.AddFlag("--insecure", server.insecure, "listen beyond this machine without a key");
  serve
      .AddOption("--cors-origin", server.origin.allowed,
                 "let pages of this origin in, such as https://example.org; *: of any; may be "
                 "given several times")
      .OneValueEach();
  serve
      .AddOption("--allow-host", server.origin.hosts,
                 "a name by which clients call this machine; may be given several times")
      .OneValueEach();
}

void AddAnswerFlags(Command serve, ServeOptions* options) {
  server::ApiOptions& api = options->server.api;
  serve
      .AddOption("--thinking", options->thinking,
                 "whether the model reasons where a request does not say: on or off (default: on; "
                 "off with the embedded model)")
      .Check(OneOf({"on", "off"}));
  serve
      .AddOption("--max-tokens", api.max_tokens,
                 "tokens of a chat's answer where a request does not say (default: what there is "
                 "room for; 256 with the embedded model)")
      .Check(WholeNumber(1));
  serve
      .AddOption("--most-tokens", api.most_tokens,
                 "tokens of an answer at most, whatever a request asks (default: what there is "
                 "room for)")
      .Check(WholeNumber(1));
  serve
      .AddOption("--reasoning-budget", api.reasoning_budget,
                 "tokens of reasoning where a request does not say (default: no limit)")
      .Check(WholeNumber());
  serve.AddOption("--reasoning-budget-message", api.budget_message,
                  "text that closes a reasoning whose budget is spent");
  serve
      .AddOption("--reasoning-field", options->reasoning_field,
                 "its name in answers: reasoning_content, reasoning or both")
      .Check(OneOf({"reasoning_content", "reasoning", "both"}))
      .ShowDefault();
  serve.AddFlag("--deepseek-compat", api.deepseek_compat,
                "as DeepSeek's service: thinking passes over temperature, top_p and penalties");
  serve
      .AddOption("--metrics-compat", options->metrics,
                 "names of metrics: hadal, or vllm, whose dashboards then work")
      .Check(OneOf({"hadal", "vllm"}))
      .ShowDefault();
  serve.AddFlag(
      "--strict", api.strict,
      "refuse requests for answers whose body has fields that are not known, also inside objects "
      "of options");
}

void AddLimitFlags(Command serve, ServeOptions* options) {
  server::ServerOptions& server = options->server;
  serve
      .AddOption("--queue", server.limits.queue,
                 "requests that may wait; more are refused with 429")
      .Check(WholeNumber(0, 1'000'000))
      .ShowDefault();
  serve
      .AddOption("--per-key", server.limits.per_key,
                 "requests of one key, running or waiting; 0: no limit")
      .Check(WholeNumber(0, 1'000'000))
      .ShowDefault();
  serve
      .AddOption("--max-body", server.body_bytes,
                 "bytes of a request's body (default: 16 MiB, or a 256th of --ram or of the memory "
                 "that there is); several times as much is set aside to read them")
      .Check(Size(1024));
  serve.AddOption("--max-connections", server.listener.max_connections, "open at once")
      .Check(WholeNumber(1, 1'000'000))
      .ShowDefault();
  serve
      .AddOption("--drain", server.drain_seconds,
                 "seconds that requests under way have to end when the server is to stop")
      .Check(WholeNumber(0, 86'400))
      .ShowDefault();
}

}  // namespace

void AddServe(Command app, Work* work) {
  auto options = std::make_shared<ServeOptions>();
  const Command serve = app.AddCommand("serve", kServeAbout);
  AddModelFlags(serve, options.get());
  AddCacheFlags(serve, options.get());
  AddNetworkFlags(serve, options.get());
  AddAnswerFlags(serve, options.get());
  AddLimitFlags(serve, options.get());
  serve.OnChosen([options, work] { *work = [options] { return Serve(*options); }; });
}

}  // namespace hadal::cli
