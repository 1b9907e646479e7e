#include "server/constraints.h"

#include <iterator>

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

ApiResult<LanguagePtr> Languages::FindOrMake(const std::string& key, const Maker& make) {
  if (LanguagePtr found = Find(key)) return found;
  const std::lock_guard making(making_);
  if (LanguagePtr found = Find(key)) return found;  // somebody else has made it meanwhile
  HADAL_TRY(grammar::Grammar grammar, make());
  const auto language = std::make_shared<engine::Language>(std::move(grammar), Tokens());
  {
    const std::lock_guard lock(mutex_);
    kept_.emplace_front(key, language);
  }
  Forget();
  return language;
}

std::size_t Languages::SumBytes() const {
  std::size_t bytes = 0;
  for (const auto& [key, language] : kept_)
    bytes += sizeof kept_.front() + key.size() + language->bytes();
  return bytes;
}

void Languages::Forget() {
  std::list<std::pair<std::string, LanguagePtr>> forgotten;  // dropped without the lock
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return;  // somebody adds, who forgets himself, or looks: the next time is soon
  while (!kept_.empty() && SumBytes() > max_bytes_)
    forgotten.splice(forgotten.begin(), kept_, std::prev(kept_.end()));
}

std::size_t Languages::bytes() const {
  const std::lock_guard lock(mutex_);
  return SumBytes();
}

ApiResult<LanguagePtr> Languages::OfSchema(const Json& schema, const std::string& param) {
  return FindOrMake("schema " + schema.Dump(), [&]() -> ApiResult<grammar::Grammar> {
    auto grammar = grammar::CompileSchema(schema);
    if (!grammar.ok()) return BadField(param, "{}", grammar.error().what);
    return std::move(*grammar);
  });
}

ApiResult<LanguagePtr> Languages::OfSchemaOrCalls(const Json& schema, const std::string& param) {
  return FindOrMake("schema or calls " + schema.Dump(), [&]() -> ApiResult<grammar::Grammar> {
    const chat::Dialect& dialect = model_.dialect();
    auto grammar = chat::SchemaOrCalls(dialect, schema, Tokens()->Mark(dialect.dsml));
    if (!grammar.ok()) return BadField(param, "{}", grammar.error().what);
    return std::move(*grammar);
  });
}

ApiResult<LanguagePtr> Languages::OfObject() {
  return FindOrMake("object",
                    []() -> ApiResult<grammar::Grammar> { return grammar::ObjectGrammar(); });
}

ApiResult<LanguagePtr> Languages::OfCalls(const std::vector<Json>& tools, const std::string& only,
                                          bool parallel) {
  const std::string key =
      fmt::format("calls {} {} {}", parallel, Json(only).Dump(), Json(Json::Array(tools)).Dump());
  return FindOrMake(key, [&]() -> ApiResult<grammar::Grammar> {
    const chat::Dialect& dialect = model_.dialect();
    auto grammar = chat::CallGrammar(
        dialect, tools, {.only = only, .parallel = parallel, .dsml = Tokens()->Mark(dialect.dsml)});
    if (!grammar.ok()) return BadField("tools", "{}", grammar.error().what);
    return std::move(*grammar);
  });
}

}  // namespace hadal::server
