// A trained model as a directory that the other commands open: config.json, model.safetensors, and
// the tokenizer's files.
#pragma once
#include <string>

#include "base/result.h"
#include "train/train_config.h"
#include "train/train_state.h"
#include "train/v4_model.h"

namespace hadal::train {

// The shape that config.model names; of a plain residual with one stream.
Result<arch::Config> ReadModelConfig(const TrainConfig& config);

// The model that config.model names, with its starting values, or those of config.model.init.
Result<V4Model> MakeModel(const TrainConfig& config);

// Parameters and buffers, named "model.NAME", as a state holds them.
NamedTensors ModelTensors(const V4Model& model);

// Whether it can be exported: the published format knows hyper-connections as published only.
bool HasPublishedFormat(const V4Model& model);

// replace: a model's folder that is there already. kInvalid without, and where more than a model's
// files lie in it; kUnsupported: the model has no published format.
Status ExportModel(const V4Model& model, const TrainConfig& config, const std::string& directory,
                   bool replace);

}  // namespace hadal::train
