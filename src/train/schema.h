// Every tensor of a trainable model with this config, and its starting values. The module's
// parameters, the checkpoint it loads and the one it saves are all made from this one list.
//
// Names are the published ones (arch/inventory.h), except that the routed experts of a layer are
// stacked: "layers.N.ffn.experts.w1" is [experts, inter, dim] and stands for
// layers.N.ffn.experts.E.w1.weight, E = 0, 1, ...
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "arch/config.h"
#include "arch/inventory.h"
#include "train/residual.h"

namespace hadal::train {

enum class Start {
  kNormal,  // N(0, init_std)
  kZeros,
  kOnes,
  kHyperScale,  // 0.01: the dynamic part of a hyper-connection begins small
  kHyperBase,   // a plain residual: see StartingValues
  kHyperFree,   // the same for unconstrained hyper-connections
  kHashTable,   // tid2eid
};

struct ParameterSpec {
  std::string name;
  std::vector<std::int64_t> shape;
  StoredFormat format = StoredFormat::kF32;  // as published
  std::vector<arch::TensorSpec> published;   // one, or one an expert
  Start start = Start::kNormal;
  bool trained = true;        // false: a buffer (gate.bias, gate.tid2eid)
  std::int64_t sublayer = 0;  // kHyperBase, kHashTable: two a layer, from the bottom of the model
};

// The parameter that holds a tensor; of a routed expert, whichever it is, the stack.
std::string ParameterName(const arch::TensorId& id);

// Of a plain residual the tensors of hyper-connections are buffers.
std::vector<ParameterSpec> ParametersOf(const arch::Config& config,
                                        Residual residual = Residual::kManifold);

// Numbers that training changes.
std::int64_t CountTrained(const std::vector<ParameterSpec>& parameters);

}  // namespace hadal::train
