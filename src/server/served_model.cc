#include "server/served_model.h"

#include <algorithm>

#include "base/clock.h"
#include "base/quote.h"
#include "cache/fingerprint.h"
#include "cost/describe.h"
#include "io/checkpoint_files.h"
#include "io/file.h"

namespace hadal::server {
namespace {

// Names by which DeepSeek's own service is called: clients have them built in.
constexpr const char* kKnownNames[] = {"deepseek-v4-flash", "deepseek-v4-pro", "deepseek-chat",
                                       "deepseek-reasoner"};
constexpr std::string_view kLongContext = "[1m]";  // a mark that Claude Code puts behind names

std::string FolderName(const std::string& directory) {
  const std::string name = io::NameOfFolder(directory);
  return name.empty() ? "model" : name;
}

}  // namespace

Result<std::unique_ptr<ServedModel>> ServedModel::Open(const ModelOptions& options) {
  HADAL_TRY(engine::ModelFiles files, engine::OpenModel(options.directory, options.open));
  auto served = std::unique_ptr<ServedModel>(new ServedModel(std::move(files)));
  const arch::Config& config = served->files_.model.config;
  served->id_ = options.name.empty() ? FolderName(served->files_.directory) : options.name;
  served->aliases_ = options.aliases;
  for (const char* name : kKnownNames) served->aliases_.emplace_back(name);
  served->any_name_ = options.any_name;
  const std::uint64_t most = config.max_position_embeddings;
  if (options.context > most)
    return Fail(Code::kInvalid, "--ctx {}: {} has a context of {}", options.context, served->id_,
                most);
  served->context_ = options.context != 0 ? options.context : std::min(kDefaultContext, most);
  const arch::KvLayout layout(config, arch::Numerics::Stored());
  served->fingerprint_ = fmt::format(
      "fp_{:016x}_stored_{}", cache::Fingerprint(served->files_.model, layout), HADAL_VERSION);
  HADAL_TRY(const std::string text, io::ReadFile(served->files_.directory + "/config.json"));
  HADAL_TRY(const Json json, ParseJson(text));
  HADAL_TRY(served->costs_, cost::Describe(json, served->id_));
  served->created_ = UnixSeconds();
  return served;
}

ApiResult<ModelChoice> ServedModel::Choose(const std::string& name) const {
  std::string_view wanted = name;
  if (wanted.ends_with(kLongContext)) wanted.remove_suffix(kLongContext.size());
  ModelChoice choice;
  if (wanted == "deepseek-chat") choice.thinking = false;
  if (wanted == "deepseek-reasoner") choice.thinking = true;
  if (wanted.empty() || wanted == id_ || any_name_ ||
      std::ranges::find(aliases_, wanted) != aliases_.end())
    return choice;
  return ApiError{.status = 404,
                  .message = fmt::format("model: found {}, this server has '{}'; --alias and "
                                         "--any-model let it answer to other names",
                                         Quote(name), id_),
                  .param = "model",
                  .code = "model_not_found"};
}

std::vector<std::string> ServedModel::names() const {
  std::vector<std::string> names = {id_};
  names.insert(names.end(), aliases_.begin(), aliases_.end());
  return names;
}

Json ServedModel::Card() const {
  const std::uint64_t trained = files_.model.config.max_position_embeddings;
  const Json meta = Json::MakeObject({{"n_ctx_train", trained},
                                      {"n_params", cost::ParametersOf(costs_).total},
                                      {"n_vocab", std::uint64_t{files_.model.config.vocab_size}},
                                      {"size", files_.model.checkpoint().tensor_bytes()}});
  return Json::MakeObject({{"id", id_},
                           {"object", "model"},
                           {"created", created_},
                           {"owned_by", "hadal"},
                           {"max_model_len", context_},
                           {"context_length", context_},
                           {"meta", meta}});
}

}  // namespace hadal::server
