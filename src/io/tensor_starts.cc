#include "io/tensor_starts.h"

#include <algorithm>
#include <utility>

namespace hadal::io {

Result<const DirectFile*> TensorStarts::Opened(const std::string& path) {
  const auto found = files_.find(path);
  if (found != files_.end()) return &found->second;
  HADAL_TRY(DirectFile file, DirectFile::Open(path));
  return &files_.emplace(path, std::move(file)).first->second;
}

Status TensorStarts::Copy(std::string_view name, std::span<std::byte> out) {
  HADAL_TRY(const TensorView view, checkpoint_.Find(name));
  if (view.in_memory) {
    std::ranges::copy(view.data.first(out.size()), out.begin());
    return Unit{};
  }
  HADAL_TRY(const DirectFile* file, Opened(checkpoint_.FileOf(name)));
  const std::uint64_t begin = checkpoint_.Info(name)->begin;
  const FileRange range{begin, begin + out.size()};
  HADAL_TRY(const DirectBuffer blocks, DirectBuffer::Create(range.hull_bytes(), file->path()));
  HADAL_TRY_STATUS(file->Read(range, blocks.span()));
  std::ranges::copy(blocks.span().subspan(begin - range.hull_begin(), out.size()), out.begin());
  return Unit{};
}

}  // namespace hadal::io
