#include "base/json.h"

#include <bit>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/foreign_file.h"
#include "base/quote.h"

namespace hadal {
namespace {

using Library = nlohmann::ordered_json;

// Which keys an object has so far: by comparison while there are few, then by a flat hash table of
// their positions. (A tokenizer's vocabulary is one object of 128,000 keys.)
class KeySet {
 public:
  // false if the key is among the members, which are those of all earlier calls in order.
  bool Insert(const std::string& key, const Json::Object& members) {
    if (members.size() < kFew) {
      for (const auto& member : members)
        if (member.first == key) return false;
      return true;
    }
    if (slots_.size() < 2 * (members.size() + 1)) Grow(members);
    std::size_t& slot = SlotOf(key, members);
    if (slot != kFree) return false;
    slot = members.size();
    return true;
  }

 private:
  static constexpr std::size_t kFew = 12, kFree = ~std::size_t{0};

  // Where the position of this key is, or would be.
  std::size_t& SlotOf(const std::string& key, const Json::Object& members) {
    std::size_t at = std::hash<std::string>()(key) & (slots_.size() - 1);
    while (slots_[at] != kFree && members[slots_[at]].first != key)
      at = (at + 1) & (slots_.size() - 1);
    return slots_[at];
  }
  void Grow(const Json::Object& members) {
    slots_.assign(std::bit_ceil(4 * (members.size() + 1)), kFree);
    for (std::size_t i = 0; i < members.size(); ++i) SlotOf(members[i].first, members) = i;
  }

  std::vector<std::size_t> slots_;  // a power of two, at most half full
};

// Builds a Json from the library's parse events, so that depth and repeated keys are seen as they
// come and no second tree is built.
constexpr std::size_t kMaxProblemBytes = 200;

class Builder : public nlohmann::json_sax<Library> {
 public:
  explicit Builder(JsonLimits limits) : limits_(limits) {}

  bool null() override { return Add(Json()); }
  bool boolean(bool v) override { return Add(Json(v)); }
  bool number_integer(number_integer_t v) override { return Add(Json(std::int64_t{v})); }
  bool number_unsigned(number_unsigned_t v) override { return Add(Json(std::uint64_t{v})); }
  bool number_float(number_float_t v, const string_t&) override { return Add(Json(v)); }
  bool string(string_t& v) override { return Add(Json(std::move(v))); }
  bool binary(binary_t&) override { return Stop("binary value"); }
  bool start_object(std::size_t) override { return Open(Json(Json::Object{})); }
  bool start_array(std::size_t) override { return Open(Json(Json::Array{})); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool key(string_t& v) override {
    Level& level = open_.back();
    if (!level.keys.Insert(v, *level.value.AsObject()))
      return Stop("the key " + Quote(v) + " is given twice");
    level.key = std::move(v);
    return true;
  }
  bool parse_error(std::size_t byte, const std::string&, const Library::exception& e) override {
    // The library's text begins with its own name, and may repeat the position.
    const std::string text = e.what();
    std::size_t cut = text.find("syntax error");
    if (const std::size_t name = text.find("] "); cut == std::string::npos && name != text.npos)
      cut = name + 2;
    // It holds the whole of the word that was read last, which may be megabytes.
    problem_ = fmt::format("not JSON at byte {}: {}", byte,
                           text.substr(cut == std::string::npos ? 0 : cut, kMaxProblemBytes));
    return false;
  }

  Json root;
  const std::string& problem() const { return problem_; }

 private:
  struct Level {
    Json value;
    std::string key;
    KeySet keys;
  };

  bool Stop(std::string why) {
    problem_ = std::move(why);
    return false;
  }
  bool Open(Json container) {
    if (open_.size() >= limits_.depth)
      return Stop(fmt::format("nested deeper than {} levels", limits_.depth));
    open_.push_back({std::move(container), {}, {}});
    return true;
  }
  bool Close() {
    Json done = std::move(open_.back().value);
    open_.pop_back();
    return Add(std::move(done));
  }
  bool Add(Json value) {
    if (open_.empty()) {
      root = std::move(value);
      return true;
    }
    Level& level = open_.back();
    if (auto* array = level.value.AsArray())
      array->push_back(std::move(value));
    else
      level.value.AsObject()->emplace_back(std::move(level.key), std::move(value));
    return true;
  }

  JsonLimits limits_;
  std::vector<Level> open_;
  std::string problem_;
};

// The library's destructor takes memory, so that deep values do not deepen the stack, and where it
// finds none the program ends. Emptied from the inside out a value takes none.
void Empty(Library& value) noexcept {
  if (!value.is_structured()) return;
  for (Library& item : value) Empty(item);
  value.clear();
}

struct Tree {
  Library value;
  ~Tree() { Empty(value); }
};

void Fill(const Json& json, Library* out) {
  if (const auto* array = json.AsArray()) {
    *out = Library::array();
    auto& items = out->get_ref<Library::array_t&>();
    items.reserve(array->size());
    for (const Json& item : *array) Fill(item, &items.emplace_back());
  } else if (const auto* object = json.AsObject()) {
    *out = Library::object();
    auto& members = out->get_ref<Library::object_t&>();
    members.reserve(object->size());  // growing copies members, and destroys the old ones
    for (const auto& [key, item] : *object)
      Fill(item, &members.Container::emplace_back(key, nullptr).second);
  } else if (const auto* flag = json.AsBool()) {
    *out = *flag;
  } else if (const auto* integer = json.AsInt()) {
    *out = *integer;
  } else if (const auto* text = json.AsString()) {
    *out = *text;
  } else if (const auto large = json.AsUnsigned()) {
    *out = *large;
  } else if (const auto number = json.AsNumber()) {
    *out = *number;
  }
}

}  // namespace

Json::Json() = default;
Json::Json(std::nullptr_t) {}
Json::Json(bool v) : value_(v) {}
Json::Json(int v) : value_(std::int64_t{v}) {}
Json::Json(std::int64_t v) : value_(v) {}
Json::Json(double v) : value_(v) {}
Json::Json(const char* v) : value_(std::string(v)) {}
Json::Json(std::string v) : value_(std::move(v)) {}
Json::Json(std::string_view v) : value_(std::string(v)) {}
Json::Json(Array v) : value_(std::move(v)) {}
Json::Json(Object v) : value_(std::move(v)) {}
// Not the variant's own copy: where that fails for lack of memory, libstdc++ 12 destroys what was
// never made, since it takes these kinds for never valueless.
Json::Json(const Json& other) { value_ = other.value_; }
Json::Json(Json&& other) noexcept = default;
Json& Json::operator=(const Json& other) = default;
Json& Json::operator=(Json&& other) noexcept = default;
Json::~Json() = default;

Json Json::MakeObject(std::initializer_list<Member> members) { return Json(Object(members)); }

Json::Json(std::uint64_t v) {
  if (v <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    value_ = static_cast<std::int64_t>(v);
  else
    value_ = v;
}

std::optional<std::uint64_t> Json::AsUnsigned() const {
  if (const auto* v = AsInt(); v != nullptr && *v >= 0) return static_cast<std::uint64_t>(*v);
  if (const auto* v = std::get_if<std::uint64_t>(&value_)) return *v;
  return std::nullopt;
}

std::optional<double> Json::AsNumber() const {
  if (const auto* v = AsInt()) return static_cast<double>(*v);
  if (const auto v = AsUnsigned()) return static_cast<double>(*v);
  if (const auto* v = std::get_if<double>(&value_)) return *v;
  return std::nullopt;
}

const Json* Json::Find(std::string_view key) const {
  if (const Object* object = AsObject())
    for (const auto& [name, value] : *object)
      if (name == key) return &value;
  return nullptr;
}

void Json::Set(std::string key, Json value) {
  if (is_null()) value_ = Object{};
  Object* object = AsObject();
  HADAL_CHECK(object != nullptr);
  for (auto& [name, old] : *object)
    if (name == key) {
      old = std::move(value);
      return;
    }
  object->emplace_back(std::move(key), std::move(value));
}

const char* Json::KindName() const {
  constexpr const char* kNames[] = {"null",   "boolean", "integer", "number",
                                    "string", "array",   "object",  "integer"};
  return kNames[value_.index()];
}

std::string Json::Dump(int indent) const {
  Tree tree;
  Fill(*this, &tree.value);
  return tree.value.dump(indent, ' ', false, Library::error_handler_t::replace);
}

Result<Json> ParseJson(std::string_view text, JsonLimits limits) {
  Builder builder(limits);
  if (!Library::sax_parse(text.begin(), text.end(), &builder)) {
    const std::string foreign = ForeignFile(text);
    if (!foreign.empty()) return Fail(Code::kCorrupt, "found {}", foreign);
    return Error{Code::kCorrupt, builder.problem()};
  }
  // The library takes a zero byte for the end, whatever follows it. Within a string it refuses one.
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos)
    return Fail(Code::kCorrupt, "not JSON at byte {}: a zero byte", zero + 1);
  return std::move(builder.root);
}

}  // namespace hadal
