// A tensor of the list as a checkpoint holds it: in any format that can stand for it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arch/inventory.h"
#include "arch/selection.h"
#include "base/result.h"
#include "io/checkpoint.h"
#include "tensor/stored_matrix.h"

namespace hadal::arch {

struct StoredTensor {
  const TensorSpec* spec = nullptr;
  io::TensorView data;
  std::optional<io::TensorView> scale;  // of FP8 and FP4

  const io::TensorView* scale_or_null() const { return scale ? &*scale : nullptr; }
  StoredFormat format() const;  // of a table: kI64, also where the file has I32
  StoredMatrix matrix() const;  // of kMatrix and kPlainMatrix
};

// kNotFound, kInvalid: one line that names file, tensor, what was found and what the config asks
// for. The spec outlives the result; the views live as long as the checkpoint.
Result<StoredTensor> FindStored(const io::Checkpoint& checkpoint, const TensorSpec& spec);

// Looks at every float32 scale of a block that is in memory or mapped, not at those of experts left
// on disk: a negative one would turn signs, and one that is not finite would show far from here.
// kCorrupt: names the first. Scales of other formats are positive.
Status CheckScales(const io::Checkpoint& checkpoint, const StoredTensor& stored);

// How a tensor is stored, by its dtype and that of its scales; none: it is not there, or in no
// format of ours.
std::optional<StoredFormat> FormatIn(const io::Checkpoint& checkpoint, const std::string& name);

// A checkpoint of which only what the selection wants need be there. kNotFound, kCorrupt, kIo as of
// io::Checkpoint::Open.
Result<io::Checkpoint> OpenPart(const std::string& directory, const Selection& selection);

// The numbers of a tid2eid, [vocab, num_experts_per_tok]. kInvalid: an expert that the model does
// not have, or one twice in a row.
Result<std::vector<std::int64_t>> DecodeTable(const StoredTensor& table, const Config& config);

// The checkpoint's tensors that are neither of the list (of this config) nor scales of its tensors
// nor copies of shared ones.
struct Unlisted {
  std::vector<std::string> drafters;  // below the prefix of a drafter: passed over
  std::vector<std::string> unknown;
};
Unlisted UnlistedTensors(const io::Checkpoint& checkpoint, const Config& config,
                         const std::vector<TensorSpec>& specs);

// One line about tensors that were passed over.
std::string DrafterNote(const io::Checkpoint& checkpoint, const std::vector<std::string>& drafters);

// What is wrong with a checkpoint that holds unknown tensors; names one and what its name may mean.
Error UnknownTensors(const io::Checkpoint& checkpoint, const std::vector<std::string>& unknown);

}  // namespace hadal::arch
