// Weights as a checkpoint's folder stores them: every byte of its tensors, each counted under the
// module of the config's list that it belongs to.
//
//   tensor layers.3.ffn.experts.7.w1.weight_scale_2  ->  module layers.3.ffn.experts.0.w1
//
// All experts count under the first. The name without its last parts is looked up, so that scales,
// zero points and packed halves count with their matrix whatever the tool called them. What then
// lies in no module (copies, drafters) is "other tensors". Modules without a tensor, because their
// shard is not here or their names are others, share what is left of the whole (the index's
// total_size) as the config would have them; a note says so. Another note says where the tensors
// named *.weight of a module do not hold as many numbers as the config has it.
#pragma once
#include <string>
#include <vector>

#include "arch/any_config.h"
#include "base/result.h"
#include "cost/describe.h"
#include "io/stored_tensors.h"

namespace hadal::plan {

struct FolderModel {
  cost::CostModel cost;
  bool contradicts = false;  // the tensors are not those of the config
};
// `rules`: of the config, for what the folder does not tell; null where the config's own account
// cannot be read. kInvalid: the config's account, and that nothing else tells.
Result<FolderModel> DescribeFolder(const arch::AnyConfig& config,
                                   const Result<arch::StorageRules>& rules,
                                   const io::StoredTensors& stored, const std::string& name);

}  // namespace hadal::plan
