#include "train/train_state.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>
#include <string_view>

#include "io/safetensors.h"
#include "io/temporary.h"

namespace hadal::train {
namespace {

namespace fs = std::filesystem;
constexpr char kFormat[] = "hadal-train-state", kVersion[] = "1";
constexpr char kPrefix[] = "state-", kSuffix[] = ".safetensors";

// state-00001200.safetensors
bool IsStateName(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return false;
  name.remove_prefix(std::strlen(kPrefix));
  name.remove_suffix(std::strlen(kSuffix));
  return !name.empty() && name.find_first_not_of("0123456789") == std::string_view::npos;
}

DType DTypeOf(const torch::Tensor& tensor) {
  HADAL_CHECK(tensor.scalar_type() == torch::kFloat32 || tensor.scalar_type() == torch::kInt64);
  return tensor.scalar_type() == torch::kInt64 ? DType::kI64 : DType::kF32;
}

std::vector<std::uint64_t> ShapeOf(const torch::Tensor& tensor) {
  return {tensor.sizes().begin(), tensor.sizes().end()};
}

using Metadata = std::map<std::string, std::string>;

Metadata ToMetadata(const StateInfo& info) {
  return {{"format", kFormat},
          {"version", kVersion},
          {"step", fmt::format("{}", info.step)},
          {"epoch", fmt::format("{}", info.position.epoch)},
          {"row", fmt::format("{}", info.position.row)},
          {"log_bytes", fmt::format("{}", info.log_bytes)},
          {"probe_bytes", fmt::format("{}", info.probe_bytes)},
          {"data_fingerprint", fmt::format("{}", info.data_fingerprint)},
          {"settings", info.settings},
          {"model", info.model}};
}

Result<std::string> TextOf(const Metadata& metadata, const std::string& key,
                           const std::string& path) {
  const auto found = metadata.find(key);
  if (found == metadata.end())
    return Fail(Code::kCorrupt, "{}: metadata has no '{}', expected a training state", path, key);
  return found->second;
}

Result<std::uint64_t> NumberOf(const Metadata& metadata, const std::string& key,
                               const std::string& path) {
  HADAL_TRY(const std::string text, TextOf(metadata, key, path));
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return Fail(Code::kCorrupt, "{}: metadata '{}': found '{}', expected a number", path, key,
                text);
  return value;
}

Status CopyInto(const io::SafetensorsFile& file, const std::string& name, torch::Tensor tensor) {
  HADAL_TRY(const io::TensorView view, file.Find(name));
  const std::vector<std::uint64_t> shape = ShapeOf(tensor);
  if (view.dtype != DTypeOf(tensor) || view.shape != shape)
    return Fail(Code::kCorrupt, "{}: '{}': found {} {}, expected {} {}", file.path(), name,
                DTypeName(view.dtype), io::FormatShape(view.shape), DTypeName(DTypeOf(tensor)),
                io::FormatShape(shape));
  const torch::NoGradGuard no_grad;
  torch::Tensor loaded = torch::empty(tensor.sizes(), tensor.scalar_type());
  std::copy(view.data.begin(), view.data.end(), static_cast<std::byte*>(loaded.data_ptr()));
  tensor.copy_(loaded);
  return Unit{};
}

}  // namespace

Status SaveState(const std::string& path, const NamedTensors& tensors, const StateInfo& info) {
  std::vector<io::SafetensorsWriter::Declared> declared;
  for (const auto& [name, tensor] : tensors)
    declared.push_back({name, DTypeOf(tensor), ShapeOf(tensor)});
  HADAL_TRY(auto writer, io::SafetensorsWriter::Create(path, declared, ToMetadata(info)));
  for (const auto& [name, tensor] : tensors) {
    const torch::Tensor plain = tensor.detach().cpu().contiguous();
    HADAL_TRY_STATUS(
        writer.Append({static_cast<const std::byte*>(plain.data_ptr()), plain.nbytes()}));
  }
  return writer.Finish();
}

Result<StateInfo> ReadStateInfo(const std::string& path) {
  HADAL_TRY(const auto file, io::SafetensorsFile::Open(path));
  const Metadata& metadata = file.header().metadata;
  HADAL_TRY(const std::string format, TextOf(metadata, "format", path));
  HADAL_TRY(const std::string version, TextOf(metadata, "version", path));
  if (format != kFormat || version != kVersion)
    return Fail(Code::kUnsupported,
                "{}: found format '{}' version '{}', expected '{}' version '{}'", path, format,
                version, kFormat, kVersion);
  StateInfo info;
  HADAL_TRY(info.step, NumberOf(metadata, "step", path));
  HADAL_TRY(info.position.epoch, NumberOf(metadata, "epoch", path));
  HADAL_TRY(info.position.row, NumberOf(metadata, "row", path));
  HADAL_TRY(info.log_bytes, NumberOf(metadata, "log_bytes", path));
  if (metadata.contains("probe_bytes")) {
    HADAL_TRY(info.probe_bytes, NumberOf(metadata, "probe_bytes", path));
  }
  HADAL_TRY(info.data_fingerprint, NumberOf(metadata, "data_fingerprint", path));
  HADAL_TRY(info.settings, TextOf(metadata, "settings", path));
  HADAL_TRY(info.model, TextOf(metadata, "model", path));
  return info;
}

Status LoadState(const std::string& path, const NamedTensors& tensors, bool all) {
  HADAL_TRY(const auto file, io::SafetensorsFile::Open(path));
  for (const auto& [name, tensor] : tensors) HADAL_TRY_STATUS(CopyInto(file, name, tensor));
  if (!all || file.tensors().size() == tensors.size()) return Unit{};
  for (const auto& [name, found] : file.tensors()) {
    const bool wanted = std::any_of(tensors.begin(), tensors.end(),
                                    [&key = name](const auto& t) { return t.first == key; });
    if (!wanted)
      return Fail(Code::kCorrupt, "{}: '{}' belongs to no tensor of this run", path, name);
  }
  return Unit{};
}

std::string StatePath(const std::string& directory, std::size_t step) {
  return (fs::path(directory) / fmt::format("{}{:08}{}", kPrefix, step, kSuffix)).string();
}

std::vector<std::string> ListStates(const std::string& directory) {
  std::vector<std::string> states;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (IsStateName(name)) states.push_back(entry.path().string());
  }
  std::sort(states.rbegin(), states.rend());
  return states;
}

void RemoveOldStates(const std::string& directory, std::size_t keep) {
  std::error_code ignored;
  const std::vector<std::string> states = ListStates(directory);
  for (std::size_t i = keep; i < states.size(); ++i) fs::remove(states[i], ignored);
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename().string();
    const auto state = io::TargetOfTemporary(name);
    if (state && IsStateName(*state)) fs::remove(entry.path(), ignored);
  }
}

Settings ParseSettings(const std::string& text) {
  Settings settings;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    const std::size_t at = line.find(" = ");
    if (at != std::string::npos) settings.emplace_back(line.substr(0, at), line.substr(at + 3));
  }
  return settings;
}

}  // namespace hadal::train
