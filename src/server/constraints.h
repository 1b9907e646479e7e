// Languages that answers must obey, made of what clients send, and kept: a schema that comes again
// is not compiled again. What is kept takes so many bytes at most; what was used longest ago is
// forgotten (requests that are under way hold theirs until they end). Any thread.
#pragma once
#include <cstddef>
#include <functional>
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
  static constexpr std::size_t kDefaultBytes = std::size_t{32} << 20;
  // What making one takes at most beside what is kept; they are made one at a time. Measured: the
  // peak of a server's memory over its rest grew by 49 MB for a schema that is refused when it has
  // 100,000 states, by 36 to 40 MB, what is kept included, for schemas with nearly as many.
  static constexpr std::size_t kCompilingBytes = std::size_t{48} << 20;
  explicit Languages(const ServedModel& model, std::size_t max_bytes = kDefaultBytes)
      : model_(model), max_bytes_(max_bytes) {}

  // JSON that the schema accepts. 400 names the keyword; `param` is the field that held it.
  ApiResult<LanguagePtr> OfSchema(const Json& schema, const std::string& param);
  ApiResult<LanguagePtr> OfObject();  // any JSON object
  // The same, or calls of whatever functions: once their block has begun, anything.
  ApiResult<LanguagePtr> OfSchemaOrCalls(const Json& schema, const std::string& param);
  // Calls of these functions, or of the one that is named; one call, or several (parallel). 400
  // names the function and the keyword.
  ApiResult<LanguagePtr> OfCalls(const std::vector<Json>& tools, const std::string& only,
                                 bool parallel);

  // What is too much: languages grow while they are used. Waits for nobody.
  void Forget();
  std::size_t bytes() const;  // of what is kept, but for the vocabulary

 private:
  std::shared_ptr<const engine::Vocabulary> Tokens();  // making_ is held
  LanguagePtr Find(const std::string& key);
  // The one of this key; else it is made, one at a time, and kept.
  using Maker = std::function<ApiResult<grammar::Grammar>()>;
  ApiResult<LanguagePtr> FindOrMake(const std::string& key, const Maker& make);
  std::size_t SumBytes() const;  // mutex_ is held

  const ServedModel& model_;
  const std::size_t max_bytes_;
  std::mutex making_;                                    // taken before the other, and held long
  std::shared_ptr<const engine::Vocabulary> tokens_;     // made when it is first asked for
  mutable std::mutex mutex_;                             // of what follows
  std::list<std::pair<std::string, LanguagePtr>> kept_;  // the last used first
};

}  // namespace hadal::server
