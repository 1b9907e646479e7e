#include "server/constraints.h"

#include "chat/call_grammar.h"
#include "grammar/json_schema.h"

namespace hadal::server {

std::shared_ptr<const engine::Vocabulary> Languages::Tokens() {
  if (tokens_ == nullptr) {
    const std::string_view marks[] = {model_.dialect().dsml};
    tokens_ = std::make_shared<const engine::Vocabulary>(model_.files().tokenizer, marks);
  }
  return tokens_;
}

LanguagePtr Languages::Find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  for (auto it = kept_.begin(); it != kept_.end(); ++it)
    if (it->first == key) {
      kept_.splice(kept_.begin(), kept_, it);
      return kept_.front().second;
    }
  return nullptr;
}

LanguagePtr Languages::Keep(const std::string& key, grammar::Grammar grammar) {
  const std::lock_guard lock(mutex_);
  kept_.emplace_front(key, std::make_shared<engine::Language>(std::move(grammar), Tokens()));
  if (kept_.size() > kKept) kept_.pop_back();
  return kept_.front().second;
}

ApiResult<LanguagePtr> Languages::OfSchema(const Json& schema, const std::string& param) {
  const std::string key = "schema " + schema.Dump();
  if (LanguagePtr found = Find(key)) return found;
  auto grammar = grammar::CompileSchema(schema);
  if (!grammar.ok()) return BadField(param, "{}", grammar.error().what);
  return Keep(key, std::move(*grammar));
}

ApiResult<LanguagePtr> Languages::OfObject() {
  if (LanguagePtr found = Find("object")) return found;
  return Keep("object", grammar::ObjectGrammar());
}

ApiResult<LanguagePtr> Languages::OfCalls(const std::vector<Json>& tools, const std::string& only,
                                          bool parallel) {
  const std::string key =
      fmt::format("calls {} {} {}", parallel, Json(only).Dump(), Json(Json::Array(tools)).Dump());
  if (LanguagePtr found = Find(key)) return found;
  const chat::Dialect& dialect = model_.dialect();
  const std::string dsml = [&] {
    const std::lock_guard lock(mutex_);
    return Tokens()->Mark(dialect.dsml);
  }();
  auto grammar =
      chat::CallGrammar(dialect, tools, {.only = only, .parallel = parallel, .dsml = dsml});
  if (!grammar.ok()) return BadField("tools", "{}", grammar.error().what);
  return Keep(key, std::move(*grammar));
}

}  // namespace hadal::server
