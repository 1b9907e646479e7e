#include "arch/non_finite.h"

#include <algorithm>
#include <cstring>

namespace hadal::arch {
namespace {

constexpr std::size_t kFirst = 3;                          // indices that are kept
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;  // counted at a time

// Whether all bits of the mask are set: in these formats that is what is not finite.
template <class T>
std::size_t CountSet(std::span<const std::byte> data, T mask) {
  std::size_t count = 0;
  for (std::size_t at = 0; at + sizeof(T) <= data.size(); at += sizeof(T)) {
    T code;
    std::memcpy(&code, data.data() + at, sizeof(T));
    count += (code & mask) == mask ? 1 : 0;
  }
  return count;
}

TensorShape IndexOf(std::uint64_t element, const TensorShape& shape) {
  TensorShape index(shape.size());
  for (std::size_t i = shape.size(); i-- > 0;) {
    index[i] = element % shape[i];
    element /= shape[i];
  }
  return index;
}

template <class T>
void Search(const io::TensorView& tensor, T mask, NonFinite* found) {
  for (std::size_t begin = 0; begin < tensor.data.size(); begin += kPieceBytes) {
    const std::span<const std::byte> piece =
        tensor.data.subspan(begin, std::min(kPieceBytes, tensor.data.size() - begin));
    const std::size_t count = CountSet(piece, mask);
    found->count += count;
    if (count == 0) continue;
    for (std::size_t at = 0; at < piece.size() && found->first.size() < kFirst; at += sizeof(T))
      if (CountSet(piece.subspan(at, sizeof(T)), mask) != 0)
        found->first.push_back(IndexOf((begin + at) / sizeof(T), tensor.shape));
  }
}

}  // namespace

std::string Describe(const NonFinite& found) {
  std::string places;
  for (const TensorShape& index : found.first)
    places += (places.empty() ? "" : ", ") + io::FormatShape(index);
  return fmt::format("tensor {}: found {} numbers that are not finite, at {}{}",
                     Json(found.tensor).Dump(), found.count, places,
                     found.count > found.first.size() ? ", ..." : "");
}

NonFinite FindNonFinite(const std::string& name, const io::TensorView& tensor) {
  NonFinite found{.tensor = name};
  switch (tensor.dtype) {
    case DType::kF32:
      Search<std::uint32_t>(tensor, 0x7F800000u, &found);
      break;
    case DType::kF64:
      Search<std::uint64_t>(tensor, 0x7FF0000000000000u, &found);
      break;
    case DType::kBF16:
      Search<std::uint16_t>(tensor, 0x7F80u, &found);
      break;
    case DType::kF16:
      Search<std::uint16_t>(tensor, 0x7C00u, &found);
      break;
    case DType::kF8E5M2:
      Search<std::uint8_t>(tensor, 0x7Cu, &found);
      break;
    case DType::kF8E4M3:
      Search<std::uint8_t>(tensor, 0x7Fu, &found);
      break;
    case DType::kF8E8M0:
      Search<std::uint8_t>(tensor, 0xFFu, &found);
      break;
    default:  // integers, and formats without a code for it
      break;
  }
  return found;
}

Result<std::vector<NonFinite>> FindAllNonFinite(const io::Checkpoint& checkpoint,
                                                Progress& progress,
                                                const std::atomic<bool>& cancel) {
  std::vector<NonFinite> all;
  std::uint64_t done = 0;
  for (const std::string& name : checkpoint.Names()) {
    if (cancel.load(std::memory_order_relaxed)) return Fail(Code::kCancelled, "stopped");
    HADAL_TRY(const io::TensorView tensor, checkpoint.Find(name));
    NonFinite found = FindNonFinite(name, tensor);
    if (found.count > 0) all.push_back(std::move(found));
    done += tensor.data.size();
    progress.Set(done, name);
  }
  return all;
}

}  // namespace hadal::arch
