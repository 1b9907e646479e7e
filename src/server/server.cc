#include "server/server.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/free_memory.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/quote.h"
#include "server/chat_completions.h"
#include "server/completions.h"
#include "server/disk_states.h"
#include "server/front.h"
#include "server/info_api.h"
#include "server/kept_bytes.h"
#include "server/loading.h"
#include "server/messages.h"
#include "server/metrics.h"
#include "server/prefix_watch.h"
#include "server/responses.h"
#include "server/tokens_api.h"

namespace hadal::server {
namespace {

constexpr std::size_t kWorkers = 2;
constexpr std::chrono::milliseconds kStopPeriod{100};
constexpr std::chrono::seconds kCountPeriod{5};  // of states on disk
constexpr double kLookSeconds = 0.1;             // between two looks at the memory that is held
constexpr std::size_t kMostToolBytes = std::size_t{256} << 20;  // of calls on disk

constexpr std::size_t kMostLogged = 200;  // bytes of what a client chooses
std::string Logged(std::string_view text) { return OneLine(text.substr(0, kMostLogged)); }

HttpResponse JsonResponse(const Json& json) { return {.body = json.Dump() + "\n"}; }

// What this server will not do, said as clients read it.
void AddAbsent(Routes* routes) {
  for (const char* path :
       {"/v1/embeddings", "/embeddings", "/v1/rerank", "/rerank", "/v1/audio/*", "/v1/images/*"})
    routes->Add({"POST", path, [](const ExchangePtr& exchange) {
                   const HttpRequest& request = exchange->request();
                   exchange->Send(ErrorResponse({.status = 501,
                                                 .message = request.path + ": not implemented",
                                                 .code = "not_implemented"},
                                                ShapeOf(request), request.id));
                 }});
}

}  // namespace

// Members in the order in which they may go: the engine's thread before the loop that it wakes.
struct Server::Impl {
  explicit Impl(ServerOptions given)
      : options(std::move(given)), kept(ShareOfBudget(options.engine.ram_bytes)) {}

  Status Open();
  Status Listen();
  void AddCors(const HttpRequest& request, HttpResponse* response) const;
  Status OpenFolder(std::string* note);
  Status OpenEngine();
  void GiveBackMemory(bool idle);
  bool Crowded() const;
  Routes MakeRoutes();
  void AddInfo(Routes* routes);
  StatusParts Parts() const;
  void OnAnswered(const AnsweredRequest& answered);
  void OnEnded(const EndedGeneration& ended);
  void CheckStop(const std::atomic<bool>& stop);

  ServerOptions options;
  const KeptBytes kept;
  std::vector<std::string> notes;
  Stopwatch uptime;
  std::unique_ptr<DiskStates> disk_states;  // the loop's workers count them
  Loop loop{kWorkers};
  std::unique_ptr<ServedModel> model;
  std::unique_ptr<EngineThread> engine;
  std::optional<Generations> generations;
  SpeedHistory history;
  ApiKeys keys;
  ToolMemory tool_memory{kept.turns};
  PrefixWatch prefix_watch;
  ResponseStore responses{kept.responses};
  std::optional<Metrics> metrics;
  std::optional<Languages> languages;
  std::optional<Api> api;
  std::unique_ptr<Front> front;
  std::unique_ptr<Listener> listener;
  std::optional<Stopwatch> draining;
  bool to_trim = false;  // memory has been freed since it was given back last
  Stopwatch since_look;
};

// Of answers that the front does not give: a page that may ask is to read them too.
void Server::Impl::AddCors(const HttpRequest& request, HttpResponse* response) const {
  for (Header& header : OriginCheck(options.origin).CorsHeaders(request))
    response->headers.push_back(std::move(header));
}

Status Server::Impl::Listen() {
  ListenerOptions& listen = options.listener;
  listen.body_bytes = options.body_bytes.value_or(kept.body);
  listen.all_body_bytes = std::max<std::uint64_t>(kept.bodies, listen.body_bytes);
  auto handler = [this](const ExchangePtr& exchange) {
    if (front != nullptr) return front->Handle(exchange);
    HttpResponse response = LoadingResponse(exchange->request());
    AddCors(exchange->request(), &response);
    exchange->Send(std::move(response));
  };
  auto refuse = [this](int status, const std::string& message, const HttpRequest& known) {
    HttpResponse response =
        ErrorResponse({.status = status, .message = message}, ShapeOf(known), known.id);
    for (Header& header : IdHeaders(known)) response.headers.push_back(std::move(header));
    AddCors(known, &response);
    // Whether anybody serves that path was not asked: it is no label.
    if (metrics) metrics->OnAnswered({"none", "none", known.id, known.peer, response.status, 0});
    spdlog::info("http id={} peer={} method={} path={} status={} what=\"{}\"", known.id, known.peer,
                 Logged(known.method), Logged(known.path), response.status, message);
    return response;
  };
  HADAL_TRY(listener, Listener::Open(loop, listen, handler, refuse));
  if (!listener->loopback() && !keys.required() && !options.insecure)
    return Fail(Code::kInvalid,
                "--host {}: others can reach this address, and there is no key; give --api-key or "
                "--api-key-file, or --insecure if everybody may use it",
                listen.host);
  return Unit{};
}

Status Server::Impl::OpenFolder(std::string* note) {
  if (!options.engine.keep_prefixes) options.engine.disk.folder.clear();  // then nothing uses it
  const std::string& folder = options.engine.disk.folder;
  if (folder.empty()) return Unit{};
  const ToolModel turns{.fingerprint = model->fingerprint(),
                        .vocab_size = model->files().model.config.vocab_size};
  HADAL_TRY(auto store, ToolStore::Open(folder, turns, kMostToolBytes, note));
  tool_memory.KeepIn(std::move(store));
  return Unit{};
}

// What takes its time: weights are opened, and read whole where a folder of states wants their
// digest.
Status Server::Impl::OpenEngine() {
  HADAL_TRY(model, ServedModel::Open(options.model));
  for (const std::string& note : model->files().model.notes) notes.push_back(note);
  std::string note;
  HADAL_TRY_STATUS(OpenFolder(&note));
  if (!note.empty()) notes.push_back(std::exchange(note, {}));
  options.limits.parallel = options.engine.parallel;
  options.limits.answer_bytes = kept.answers;
  const std::uint64_t text_bytes =
      model->context() * model->files().tokenizer.longest_token_bytes();
  // Of bodies all that the listener lets in, which --max-body may raise above their share.
  options.engine.beside_bytes = kept.total() - kept.bodies + options.listener.all_body_bytes +
                                ReadingBytes(options.listener.body_bytes, text_bytes, kWorkers) +
                                Languages::kCompilingBytes;
  HADAL_TRY(engine, EngineThread::Start(
                        *model, options.engine,
                        [this] { loop.Post([this] { generations->TakeEvents(); }); }, &note));
  if (!note.empty()) notes.push_back(note);
  if (const std::string& folder = options.engine.disk.folder; !folder.empty()) {
    HADAL_TRY(disk_states, DiskStates::Open(folder));
  }
  return Unit{};
}

Status Server::Impl::Open() {
  HADAL_TRY(keys, ApiKeys::Create(options.api_keys));
  if (options.limits.prefixes_by_key && !keys.required())
    return Fail(Code::kInvalid,
                "--cache-scope key: there is no key, and all clients are one; give --api-key or "
                "--api-key-file");
  HADAL_TRY_STATUS(Listen());
  {
    const LoopMeanwhile meanwhile(loop);
    HADAL_TRY_STATUS(OpenEngine());
  }
  generations.emplace(loop, *engine, *model, options.limits,
                      [this](const EndedGeneration& ended) { OnEnded(ended); });
  options.origin.loopback = listener->loopback();
  metrics.emplace(model->id(), options.vllm_metrics);
  const bool embedded = engine::IsEmbeddedModel(options.model.directory);
  options.api.thinking = options.thinking.value_or(!embedded);
  if (embedded && !options.api.max_tokens) options.api.max_tokens = engine::kDefaultMaxTokens;
  options.api.body_values = options.listener.body_bytes * kReadingTimes / kValueBytes;
  languages.emplace(*model, kept.languages);
  api.emplace(Api{.model = *model,
                  .generations = &*generations,
                  .keys = keys,
                  .languages = *languages,
                  .tool_memory = tool_memory,
                  .responses = responses,
                  .options = options.api});
  front = std::make_unique<Front>(loop, FrontOptions{keys, options.origin}, MakeRoutes(),
                                  [this](const AnsweredRequest& answered) {
                                    loop.Post([this, answered] { OnAnswered(answered); });
                                  });
  loop.Every(std::chrono::seconds(1), [this] {
    history.Add(engine->figures(), CountsOf(generations->Views()));
    generations->Tick();
    languages->Forget();
    GiveBackMemory(generations->size() == 0);
  });
  if (disk_states)
    loop.Every(kCountPeriod, [this] { loop.Work([this] { disk_states->Count(); }); });
  return Unit{};
}

// The allocator holds what large bodies, schemas and answers were made in. It is given back when
// nobody waits, and otherwise before it takes what the plan has for something else.
void Server::Impl::GiveBackMemory(bool idle) {
  if (!to_trim || since_look.seconds() < kLookSeconds) return;
  since_look = {};
  if (!idle && !Crowded()) return;
  to_trim = false;
  ReturnFreeMemory();
}

bool Server::Impl::Crowded() const {
  const engine::Footprint& plan = engine->footprint();
  if (plan.streams()) return false;  // experts fill all that there is
  const std::uint64_t planned = plan.total() - plan.weights;
  return AnonymousResidentBytes() > planned - planned / 4;
}

Routes Server::Impl::MakeRoutes() {
  Routes routes;
  AddInfo(&routes);
  AddChatCompletions(&routes, *api);
  AddCompletions(&routes, *api);
  AddMessages(&routes, *api);
  AddResponses(&routes, *api);
  AddTokens(&routes, *api);
  AddAbsent(&routes);
  AddDocuments(&routes, options.documents);
  return routes;
}

StatusParts Server::Impl::Parts() const {
  return {.model = *model,
          .engine = *engine,
          .views = generations->Views(),
          .history = history,
          .options = options.engine,
          .uptime_seconds = uptime.seconds(),
          .connections = listener->connections(),
          .draining = draining.has_value(),
          .kept = {languages->bytes(), tool_memory.bytes(), responses.bytes()},
          .tool_disk_bytes = tool_memory.disk_bytes(),
          .disk = disk_states ? disk_states->totals() : cache::StoreTotals{}};
}

void Server::Impl::AddInfo(Routes* routes) {
  const auto get = [&](const char* path, bool open, std::function<Json()> json) {
    routes->Add({"GET", path,
                 [json = std::move(json)](const ExchangePtr& exchange) {
                   exchange->Send(JsonResponse(json()));
                 },
                 open});
  };
  for (const char* path : {"/health", "/v1/health"}) get(path, true, [] { return HealthJson(); });
  get("/version", false, [this] { return VersionJson(*model); });
  get("/hadal/status", false, [this] { return StatusJson(Parts()); });
  get("/slots", false, [this] { return SlotsJson(Parts()); });
  get("/props", false, [this] { return PropsJson(Parts()); });
  routes->Add({"GET", "/metrics", [this](const ExchangePtr& exchange) {
                 exchange->Send({.content_type = "text/plain; version=0.0.4; charset=utf-8",
                                 .body = metrics->Text(Parts())});
               }});
  for (const std::string prefix : {"/v1", "", "/anthropic/v1"}) {
    routes->Add({"GET", prefix + "/models", [this](const ExchangePtr& exchange) {
                   const ErrorShape shape = ShapeOf(exchange->request());
                   exchange->Send(JsonResponse(ModelsJson(*model, shape)));
                 }});
    const std::string folder = prefix + "/models/";
    routes->Add({"GET", folder + "*", [this, folder](const ExchangePtr& exchange) {
                   const HttpRequest& request = exchange->request();
                   const ErrorShape shape = ShapeOf(request);
                   const auto choice =
                       model->Choose(NameInPath(request.path.substr(folder.size())));
                   if (choice.ok()) return exchange->Send(JsonResponse(ModelCard(*model, shape)));
                   exchange->Send(ErrorResponse(choice.error(), shape, request.id));
                 }});
  }
}

void Server::Impl::OnAnswered(const AnsweredRequest& a) {
  metrics->OnAnswered(a);
  to_trim = to_trim || a.on_worker;
  GiveBackMemory(false);
  spdlog::info("http id={} peer={} method={} path={} status={} ms={:.1f}", a.id, a.peer,
               Logged(a.method), Logged(a.path), a.status, 1e3 * a.seconds);
}

void Server::Impl::OnEnded(const EndedGeneration& ended) {
  metrics->OnEnded(ended);
  to_trim = true;
  for (const Answer& answer : ended.answers)
    tool_memory.Remember(ended.owner, answer, ended.reasons);
  const Usage usage = UsageOf(ended.answers);
  std::string prefix;
  for (const Answer& answer : ended.answers) {
    if (const auto warning = prefix_watch.Saw(answer.end.prefix)) spdlog::warn("{}", *warning);
    if (prefix.empty()) prefix = PrefixLine(answer.end.prefix);
  }
  spdlog::info(
      "generation id={} request={} api={} prompt={} cached={}{} generated={} reasoning={} "
      "first_ms={:.1f} ms={:.1f}{}",
      ended.id, ended.request_id, ended.api, usage.prompt_tokens, usage.cached_tokens, prefix,
      usage.completion_tokens, usage.reasoning_tokens, 1e3 * ended.first_token_seconds,
      1e3 * ended.seconds,
      ended.failed      ? " failed"
      : ended.cancelled ? " cancelled"
                        : "");
}

// Once `stop` is set nothing new is taken; what is under way may end. Then the loop does.
void Server::Impl::CheckStop(const std::atomic<bool>& stop) {
  if (!stop) return;
  if (!draining) {
    draining.emplace();
    front->KeepOut({.status = 503, .message = "the server is stopping", .retry_after_s = 10});
    listener->StopAccepting();
  }
  const double seconds = draining->seconds(), limit = static_cast<double>(options.drain_seconds);
  const bool late = seconds > limit;
  if (late) generations->CancelAll();
  const bool very_late = seconds > limit + 5;  // somebody does not take his answer
  const bool done = generations->size() == 0 && listener->connections() == 0;
  if (done || very_late) loop.Stop();
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::Open(ServerOptions options) {
  KeepLittleFree();
  auto impl = std::make_unique<Impl>(std::move(options));
  HADAL_TRY_STATUS(impl->Open());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::string Server::url() const {
  const std::string host = impl_->listener->host();
  const bool v6 = host.find(':') != host.npos;
  return fmt::format("http://{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "",
                     impl_->listener->port());
}

const std::vector<std::string>& Server::notes() const { return impl_->notes; }

void Server::Run(const std::atomic<bool>& stop) {
  impl_->loop.Every(kStopPeriod, [this, &stop] { impl_->CheckStop(stop); });
  impl_->loop.Run();
}

}  // namespace hadal::server
