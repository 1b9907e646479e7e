#include "server/api.h"

#include <utility>

#include "base/log.h"
#include "base/quote.h"
#include "server/answer_bytes.h"
#include "server/answer_json.h"

namespace hadal::server {
namespace {

void Refuse(const ExchangePtr& exchange, const ApiError& error) {
  const HttpRequest& request = exchange->request();
  exchange->Send(ErrorResponse(error, ShapeOf(request), request.id));
}

}  // namespace

Caller CallerOf(const Api& api, const HttpRequest& request) {
  return {.scope = api.keys.Scope(request), .request_id = request.id};
}

void AddGenerating(Routes* routes, Api& api, const std::vector<std::string>& paths,
                   Prepare prepare) {
  for (const std::string& path : paths)
    routes->Add({.method = "POST",
                 .path = path,
                 .handler =
                     [&api, prepare](const ExchangePtr& exchange) {
                       auto body = ParseBody(exchange->request().body, api.options.body_values);
                       if (!body.ok()) return Refuse(exchange, body.error());
                       auto prepared = prepare(api, *body, exchange);
                       if (!prepared.ok()) return Refuse(exchange, prepared.error());
                       FitAnswers(api.generations->answer_bytes(), &prepared->generation);
                       prepared->generation.scope = api.keys.Scope(exchange->request());
                       api.generations->Submit(std::move(prepared->generation),
                                               std::move(prepared->sink), exchange);
                     },
                 .on_worker = true});
}

void AddComputing(Routes* routes, Api& api, const std::vector<std::string>& paths,
                  Compute compute) {
  for (const std::string& path : paths)
    routes->Add({.method = "POST",
                 .path = path,
                 .handler =
                     [&api, compute](const ExchangePtr& exchange) {
                       auto body = ParseBody(exchange->request().body, api.options.body_values);
                       if (!body.ok()) return Refuse(exchange, body.error());
                       auto json = compute(api, *body, CallerOf(api, exchange->request()));
                       if (!json.ok()) return Refuse(exchange, json.error());
                       exchange->Send({.body = json->Dump()});
                     },
                 .on_worker = true});
}

ApiStatus CheckUnknown(const Api& api, const Fields& fields, const Caller& caller) {
  const std::vector<std::string> unknown = fields.Unknown();
  if (unknown.empty()) return Unit{};
  if (api.options.strict) return BadField(unknown[0], "not known here");
  constexpr std::size_t kMost = 200;  // bytes of a line that the client chooses
  spdlog::warn("request id={} passed_over={}", caller.request_id,
               OneLine(fmt::format("{}", fmt::join(unknown, " ")).substr(0, kMost)));
  return Unit{};
}

void ReadStreamOptions(Fields* body, bool* include_usage) {
  body->Inside("stream_options", [&](Fields* fields) {
    fields->Flag("include_usage", include_usage);
    fields->Pass({"include_obfuscation", "continuous_usage_stats"});
  });
}

void FailStream(EventStream* stream, const ApiError& error) {
  if (!stream->begun()) return Refuse(stream->exchange(), error);
  const HttpRequest& request = stream->exchange()->request();
  stream->DataLine(ErrorJson(error, ShapeOf(request), request.id));
  stream->End();
}

void FinishChunks(EventStream* stream, Json head, bool include_usage,
                  const std::vector<Answer>& answers) {
  if (include_usage) {
    head.Set("choices", Json::Array());
    head.Set("usage", UsageJson(UsageOf(answers)));
    stream->Data(head);
  }
  stream->DataLine("[DONE]");
  stream->End();
}

void WholeSink::Finished(const std::vector<Answer>& answers) {
  exchange_->Send({.body = Whole(id_, answers).Dump()});
}

void WholeSink::Failed(const ApiError& error) { Refuse(exchange_, error); }

}  // namespace hadal::server
