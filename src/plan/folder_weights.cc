#include "plan/folder_weights.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

#include "base/units.h"

namespace hadal::plan {
namespace {

// What the folder holds of one module.
struct Found {
  std::uint64_t expected = 0;  // bytes by the config
  std::uint64_t bytes = 0;     // found, and a share of what was not
  std::uint64_t elements = 0;  // numbers by the config
  std::uint64_t held = 0;      // those in tensors whose types tell how many they hold
  bool pairs = false;          // ..., but for FP4 and INT4, of which a byte holds two
  bool countable = true;       // there are no others
  std::string first;           // of those tensors
  std::uint64_t largest = 0;   // of its tensors: the numbers themselves
  std::string dtype;           // of that one
  bool small_floats = false;   // there are scales of E8M0 or E4M3
  bool whole = true;           // no tensor of it is in a shard that is not here

  bool present() const { return largest > 0; }
  std::uint64_t wanted() const {
    if (present() && whole) return 0;
    return expected > bytes ? expected - bytes : 0;
  }
  bool contradicts() const {
    if (!whole || !countable || first.empty()) return false;
    return numbers() != elements && !(pairs && !small_floats && 2 * held == elements);
  }
  // With scales that small, bytes hold FP4.
  std::uint64_t numbers() const { return pairs && small_floats ? 2 * held : held; }
  void Count(const std::string& name, const io::StoredTensor& tensor) {
    if (first.empty()) first = name;
    const std::uint64_t bytes_each = BytesOf(tensor.dtype);
    countable &= bytes_each > 0;
    pairs |= tensor.dtype == "U8" || tensor.dtype == "I8";
    if (bytes_each > 0) held += tensor.bytes / bytes_each;
  }

 private:
  // Of a number; 0: several may lie in one.
  static std::uint64_t BytesOf(std::string_view dtype) {
    if (dtype == "F64") return 8;
    if (dtype == "F32") return 4;
    if (dtype == "BF16" || dtype == "F16") return 2;
    return dtype.starts_with("F8_") || dtype == "U8" || dtype == "I8" ? 1 : 0;
  }
};

// "model.layers.3.mlp.experts.17.up_proj.weight" -> "layers.3.mlp.experts.0.up_proj.weight"
std::string Key(std::string_view name) {
  std::string key(arch::WithoutModelPrefix(name));
  constexpr std::string_view kExperts = ".experts.";
  const std::size_t at = key.find(kExperts);
  if (at == std::string::npos) return key;
  std::size_t end = at + kExperts.size();
  while (end < key.size() && std::isdigit(static_cast<unsigned char>(key[end])) != 0) ++end;
  if (end > at + kExperts.size())
    key.replace(at + kExperts.size(), end - at - kExperts.size(), "0");
  return key;
}

class Folder {
 public:
  explicit Folder(const io::StoredTensors& stored) : stored_(stored) {}

  // The first pass over the config's list.
  void Expect(const arch::Module& module, std::uint64_t bytes) {
    Found& found = found_[Key(module.name)];
    found.expected = bytes;
    found.elements = module.rows * module.cols * module.count;
  }

  void Assign() {
    for (const auto& [name, tensor] : stored_.tensors) {
      const std::string key = Key(name);
      Found* module = ModuleOf(key);
      if (module != nullptr && module == Numbers(key)) module->Count(name, tensor);
      if (module == nullptr) {
        other_bytes_ += tensor.bytes;
        ++other_tensors_;
        continue;
      }
      module->bytes += tensor.bytes;
      const bool larger = tensor.bytes > module->largest;
      const std::string& smaller = larger ? module->dtype : tensor.dtype;
      module->small_floats |= smaller.starts_with("F8_");
      if (!larger) continue;
      module->largest = tensor.bytes;
      module->dtype = tensor.dtype;
    }
    for (const std::string& name : stored_.elsewhere)
      if (Found* module = ModuleOf(Key(name)); module != nullptr) module->whole = false;
  }

  // Gives the modules whose tensors are not here what is left of the whole, in the parts that the
  // config would have them take.
  void ShareTheRest() {
    const std::uint64_t here = stored_.bytes();
    std::uint64_t wanted = 0;
    for (const auto& [key, found] : found_) {
      wanted += found.wanted();
      if (found.present() || ++missing_ > 1) continue;
      first_missing_ = key;
    }
    std::uint64_t left = 0;
    if (!stored_.complete())
      left = std::max(stored_.total_bytes.value_or(here + wanted), here) - here;
    else if (wanted > 0)
      left = std::exchange(other_bytes_, 0);  // theirs, under other names
    if (wanted == 0) {
      other_bytes_ += left;
      return;
    }
    shared_ = left;
    std::uint64_t given = 0, seen = 0;
    for (auto& [key, found] : found_) {
      seen += found.wanted();  // by running sums: the parts add up to the whole
      const long double upto = static_cast<long double>(left) * seen / wanted;
      const std::uint64_t part = (seen == wanted ? left : static_cast<std::uint64_t>(upto)) - given;
      found.bytes += part;
      given += part;
    }
  }

  // The second pass.
  cost::Held Of(const arch::Module& module, arch::Number by_config) const {
    const Found& found = found_.at(Key(module.name));
    return {found.present() ? NumberOf(found) : by_config, found.bytes};
  }

  bool shared() const { return shared_ > 0; }
  // Nothing that is still to come explains what the folder holds.
  bool contradicts() const {
    return (stored_.complete() && missing_ > 0) ||
           std::ranges::any_of(found_, [](const auto& f) { return f.second.contradicts(); });
  }
  std::uint64_t other_bytes() const { return other_bytes_; }
  std::size_t other_tensors() const { return other_tensors_; }

  std::vector<std::string> Notes() const {
    std::vector<std::string> notes;
    if (!stored_.complete())
      notes.push_back(fmt::format(
          "{} of {} shards are here; {}", stored_.shards_here, stored_.shards,
          stored_.total_bytes
              ? fmt::format("what is in the others is the rest of the index's total_size, {} bytes",
                            FormatCount(*stored_.total_bytes))
              : "without an index, what is in the others is counted as the config says"));
    else if (missing_ > 0)
      notes.push_back(fmt::format(
          "no tensor is named as {} of the modules that config.json calls for, '{}' first: {}",
          missing_, first_missing_,
          shared_ > 0 ? "the tensors of other names are counted as theirs"
                      : "an incomplete checkpoint?"));
    const auto wrong =
        std::ranges::find_if(found_, [](const auto& f) { return f.second.contradicts(); });
    if (wrong != found_.end())
      notes.push_back(
          fmt::format("the tensors do not hold the numbers that config.json calls for: of '{}' and "
                      "those like it found {}, expected {}",
                      wrong->second.first, FormatCount(wrong->second.numbers()),
                      FormatCount(wrong->second.elements)));
    if (other_bytes_ > 0)
      notes.push_back(
          fmt::format("{} bytes in {} tensors are no part of the model that config.json "
                      "describes",
                      FormatCount(other_bytes_), FormatCount(other_tensors_)));
    return notes;
  }

 private:
  // The module whose numbers this tensor holds, as opposed to scales and the like.
  Found* Numbers(std::string_view key) {
    constexpr std::string_view kWeight = ".weight";
    if (!key.ends_with(kWeight)) return nullptr;
    const auto found = found_.find(key.substr(0, key.size() - kWeight.size()));
    return found == found_.end() ? nullptr : &found->second;
  }
  // The longest beginning that is a module; "x_blocks" is a part of x.
  Found* ModuleOf(std::string key) {
    for (const std::string_view suffix : {"_blocks", "_scales"})
      if (key.ends_with(suffix) && found_.contains(key.substr(0, key.size() - suffix.size())))
        key.resize(key.size() - suffix.size());
    for (;;) {
      const auto found = found_.find(key);
      if (found != found_.end()) return &found->second;
      const std::size_t dot = key.rfind('.');
      if (dot == std::string::npos) return nullptr;
      key.resize(dot);
    }
  }

  static arch::Number NumberOf(const Found& found) {
    const std::string& dtype = found.dtype;
    if (dtype == "F32" || dtype == "F64") return arch::Number::kF32;
    if (dtype.starts_with("F8_")) return arch::Number::kFp8;
    if (dtype == "U8" || (dtype == "I8" && found.small_floats)) return arch::Number::kFp4;
    if (dtype == "I64") return arch::Number::kTable;
    return dtype == "I8" || dtype == "I32" ? arch::Number::kInt : arch::Number::kHalf;
  }

  const io::StoredTensors& stored_;
  std::map<std::string, Found, std::less<>> found_;
  std::uint64_t other_bytes_ = 0, shared_ = 0;
  std::size_t other_tensors_ = 0, missing_ = 0;
  std::string first_missing_;
};

}  // namespace

Result<FolderModel> DescribeFolder(const arch::AnyConfig& config,
                                   const Result<arch::StorageRules>& rules,
                                   const io::StoredTensors& stored, const std::string& name) {
  const arch::StorageRules plain;
  const cost::HeldBy by_config = cost::HeldByRules(rules.ok() ? *rules : plain);
  Folder folder(stored);
  const cost::HeldBy expect = [&](const arch::Module& module) {
    const cost::Held held = by_config(module);
    folder.Expect(module, held.bytes);
    return held;
  };
  HADAL_TRY(cost::CostModel model, cost::Describe(config, expect, name));
  folder.Assign();
  folder.ShareTheRest();
  if (!stored.complete() && !rules.ok() && !stored.total_bytes) return rules.error();
  const cost::HeldBy held = [&](const arch::Module& module) {
    return folder.Of(module, by_config(module).number);
  };
  HADAL_TRY(model, cost::Describe(config, held, name));
  if (folder.other_bytes() > 0)
    model.weights.push_back({.name = "other tensors",
                             .component = cost::Component::kOther,
                             .work = cost::Work::kNone,
                             .tensors = folder.other_tensors(),
                             .bytes = folder.other_bytes()});
  model.weight_bytes_shared = folder.shared();
  for (std::string& note : folder.Notes()) model.notes.push_back(std::move(note));
  return FolderModel{std::move(model), folder.contradicts()};
}

}  // namespace hadal::plan
