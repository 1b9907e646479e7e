// Languages that answers must obey, made of what clients send, and kept: a schema that comes again
// is not compiled again. Any thread.
#pragma once
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "engine/constraint.h"
#include "grammar/grammar.h"
#include "server/api_error.h"
#include "server/served_model.h"

namespace hadal::server {

using LanguagePtr = std::shared_ptr<engine::Language>;

class Languages {
 public:
  explicit Languages(const ServedModel& model) : model_(model) {}

  // JSON that the schema accepts. 400 names the keyword; `param` is the field that held it.
  ApiResult<LanguagePtr> OfSchema(const Json& schema, const std::string& param);
  ApiResult<LanguagePtr> OfObject();  // any JSON object
  // Calls of these functions, or of the one that is named; one call, or several (parallel). 400
  // names the function and the keyword.
  ApiResult<LanguagePtr> OfCalls(const std::vector<Json>& tools, const std::string& only,
                                 bool parallel);

 private:
  static constexpr std::size_t kKept = 32;
  using Made = Result<grammar::Grammar>;
  std::shared_ptr<const engine::Vocabulary> Tokens();
  LanguagePtr Find(const std::string& key);
  LanguagePtr Keep(const std::string& key, grammar::Grammar grammar);

  const ServedModel& model_;
  std::mutex mutex_;
  std::shared_ptr<const engine::Vocabulary> tokens_;     // made when it is first asked for
  std::list<std::pair<std::string, LanguagePtr>> kept_;  // the last used first
};

}  // namespace hadal::server
