#include "train/export_model.h"

#include <filesystem>

#include "io/file.h"
#include "train/trainer.h"
#include "train/workers.h"

namespace hadal::train {
namespace {

namespace fs = std::filesystem;

Result<arch::Config> ReadShape(const std::string& path) {
  HADAL_TRY(const std::string text, io::ReadFile(path, std::uint64_t{1} << 24));
  auto json = ParseJson(text);
  if (!json.ok()) return Within(path, json.error());
  auto config = arch::ParseConfig(*json);
  if (!config.ok())  // which names config.json itself
    return Within(fs::path(path).parent_path().string(), config.error());
  if (config->architecture != arch::Architecture::kV4)
    return Fail(Code::kUnsupported,
                "{}: model_type: found \"deepseek_v32\", expected \"deepseek_v4\", which alone the "
                "trainer knows",
                path);
  return config;
}

Status FillModel(const TrainConfig& config, const arch::Config& shape, V4Model* model) {
  *model = V4Model(shape, config.seed, config.model.init_std, ResidualOf(config.model.residual));
  if (!config.model.init.empty()) {
    HADAL_TRY(const io::Checkpoint checkpoint, io::Checkpoint::Open(config.model.init));
    HADAL_TRY_STATUS((*model)->Load(checkpoint));
  }
  return Unit{};
}

}  // namespace

Result<arch::Config> ReadModelConfig(const TrainConfig& config) {
  HADAL_TRY(arch::Config shape, ReadShape(config.model.config));
  if (ResidualOf(config.model.residual) == Residual::kPlain) shape.hc_mult = 1;
  return shape;
}

bool HasPublishedFormat(const V4Model& model) { return model->residual() == Residual::kManifold; }

Result<V4Model> MakeModel(const TrainConfig& config) {
  HADAL_TRY(const arch::Config shape, ReadModelConfig(config));
  V4Model model = nullptr;
  HADAL_TRY_STATUS(Catching("making the model", [&] { return FillModel(config, shape, &model); }));
  return model;
}

NamedTensors ModelTensors(const V4Model& model) {
  NamedTensors tensors;
  for (const auto& item : model->named_parameters())
    tensors.emplace_back("model." + item.key(), item.value());
  for (const auto& item : model->named_buffers())
    tensors.emplace_back("model." + item.key(), item.value());
  return tensors;
}

Status ExportModel(const V4Model& model, const TrainConfig& config, const std::string& directory,
                   bool replace) {
  if (!HasPublishedFormat(model))
    return Fail(
        Code::kUnsupported,
        "model.residual: found {}, which no published format can say; mhc alone is exported",
        config.model.residual);
  const auto format =
      config.export_format == "f32" ? V4ModelImpl::Format::kF32 : V4ModelImpl::Format::kFp8Fp4;
  return Catching("writing the model",
                  [&] { return model->Save(directory, format, config.model.tokenizer, replace); });
}

Status ExportNewestState(const TrainConfig& config, const std::string& directory, bool replace) {
  const std::vector<std::string> states = ListStates(config.out);
  if (states.empty())
    return Fail(Code::kNotFound, "{}: found no state-*.safetensors, expected a started run",
                config.out);
  TrainConfig fresh = config;
  fresh.model.init.clear();
  HADAL_TRY(V4Model model, MakeModel(fresh));
  HADAL_TRY(const StateInfo info, ReadStateInfo(states.front()));
  const std::string shape = arch::ConfigToJson(model->config(), false).Dump();
  if (info.model != shape)
    return Fail(Code::kInvalid, "{}: holds another model than {} describes", states.front(),
                config.model.config);
  HADAL_TRY_STATUS(LoadState(states.front(), ModelTensors(model), false));
  return ExportModel(model, config, directory, replace);
}

}  // namespace hadal::train
