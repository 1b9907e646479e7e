// A trained model as a directory that the other commands open: config.json, model.safetensors, and
// the tokenizer's files.
#pragma once
#include <string>

#include "base/result.h"
#include "train/train_config.h"
#include "train/train_state.h"
#include "train/v4_model.h"

namespace hadal::train {

// The model that config.model names, with its starting values, or those of config.model.init.
Result<V4Model> MakeModel(const TrainConfig& config);

// Parameters and buffers, named "model.NAME", as a state holds them.
NamedTensors ModelTensors(const V4Model& model);

// replace: a model's folder that is there already. kInvalid without, and where more than a model's
// files lie in it.
Status ExportModel(const V4Model& model, const TrainConfig& config, const std::string& directory,
                   bool replace);

}  // namespace hadal::train
