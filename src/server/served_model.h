// The model that a server serves, and what a request may ask of it. Fixed once it is open; read by
// any thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "chat/dialect.h"
#include "cost/cost_model.h"
#include "engine/model_files.h"
#include "server/api_error.h"

namespace hadal::server {

struct ModelOptions {
  std::string directory = {};  // empty: the embedded model
  engine::OpenOptions open = {};
  std::string name = {};  // empty: the folder's
  std::vector<std::string> aliases = {};
  bool any_name = false;  // whatever model a request names, it gets this one
  // Of one request, prompt and answer; 0: kDefaultContext, or the model's own if that is less.
  std::uint64_t context = 0;
};

inline constexpr std::uint64_t kDefaultContext = std::uint64_t{32} << 10;

// What a name says besides which model is meant: "deepseek-chat" does not think.
struct ModelChoice {
  std::optional<bool> thinking = {};
};

class ServedModel {
 public:
  static Result<std::unique_ptr<ServedModel>> Open(const ModelOptions& options);

  const engine::ModelFiles& files() const { return files_; }
  // How this architecture's checkpoints write conversations.
  const chat::Dialect& dialect() const {
    return chat::DialectOf(arch::ModelType(files_.model.config.architecture));
  }
  const std::string& id() const { return id_; }
  std::uint64_t context() const { return context_; }
  std::int64_t created() const { return created_; }  // when it was opened, in seconds of Unix time
  // Of weights, numerics and program: what the same request must have to get the same answer.
  const std::string& fingerprint() const { return fingerprint_; }
  const cost::CostModel& costs() const { return costs_; }

  // The model that a request names; empty: this one. 404 (model_not_found) names what is there.
  ApiResult<ModelChoice> Choose(const std::string& name) const;
  Json Card() const;                       // an item of /v1/models
  std::vector<std::string> names() const;  // its id, then its aliases

 private:
  explicit ServedModel(engine::ModelFiles files) : files_(std::move(files)) {}

  engine::ModelFiles files_;
  std::string id_, fingerprint_;
  std::vector<std::string> aliases_;
  bool any_name_ = false;
  cost::CostModel costs_;
  std::uint64_t context_ = 0;
  std::int64_t created_ = 0;
};

}  // namespace hadal::server
