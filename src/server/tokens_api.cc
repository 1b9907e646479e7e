#include "server/tokens_api.h"

#include "chat/prompt_tokens.h"
#include "server/answer_json.h"
#include "server/chat_request.h"

namespace hadal::server {
namespace {

ApiResult<Json> Tokenize(Api& api, const Json& json, const Caller& /*caller*/) {
  Fields body(json);
  std::string text;
  bool special = false, parse_special = false, pieces = false;
  body.Text("prompt", &text);
  body.Text("content", &text);
  if (body.Find("prompt") == nullptr && body.Find("content") == nullptr)
    body.Fail("content", "found nothing, expected a string");
  body.Flag("add_special_tokens", &special);
  body.Flag("add_special", &special);
  body.Flag("parse_special", &parse_special);
  body.Flag("with_pieces", &pieces);
  body.Pass({"model"});
  HADAL_TRY_STATUS(body.status());
  const text::Tokenizer& tokenizer = api.model.files().tokenizer;
  HADAL_TRY_STATUS(CheckLeastTokens(api.model, tokenizer.LeastTokens(text),
                                    body.Find("content") != nullptr ? "content" : "prompt"));
  std::vector<std::int32_t> ids = tokenizer.Encode(
      text, parse_special ? text::ControlTokens::kRead : text::ControlTokens::kText);
  const auto bos = api.model.files().model.config.bos_token_id;
  if (special && bos) ids.insert(ids.begin(), static_cast<std::int32_t>(*bos));
  Json out = Json::MakeObject({{"tokens", TokenIds(ids)},
                               {"count", std::uint64_t{ids.size()}},
                               {"max_model_len", api.model.context()}});
  if (!pieces) return out;
  Json::Array list;
  for (const std::int32_t id : ids)
    list.push_back(Json::MakeObject({{"id", id}, {"piece", TokenText(tokenizer, id)}}));
  out.Set("tokens", std::move(list));
  return out;
}

ApiResult<Json> Detokenize(Api& api, const Json& json, const Caller& /*caller*/) {
  Fields body(json);
  std::vector<std::int32_t> ids;
  body.Ids("tokens", &ids);
  body.Pass({"model"});
  const std::size_t vocab = api.model.files().model.config.vocab_size;
  for (const std::int32_t id : ids)
    if (static_cast<std::size_t>(id) >= vocab)
      body.Fail("tokens", fmt::format("found {}, expected ids below {}", id, vocab));
  HADAL_TRY_STATUS(body.status());
  const std::string text = api.model.files().tokenizer.Decode(ids);
  return Json::MakeObject({{"content", text}, {"prompt", text}});
}

}  // namespace

void AddTokens(Routes* routes, Api& api) {
  AddComputing(routes, api, {"/tokenize", "/v1/tokenize"}, Tokenize);
  AddComputing(routes, api, {"/detokenize", "/v1/detokenize"}, Detokenize);
}

}  // namespace hadal::server
