#include "eval/golden_case.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <optional>

#include "arch/layer_kind.h"
#include "io/checkpoint.h"
#include "io/checkpoint_files.h"
#include "io/decode.h"
#include "io/file.h"
#include "io/safetensors.h"

namespace hadal::eval {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();  // of a wanted shape
using Shape = std::vector<std::size_t>;

std::string ShowShape(const Shape& shape) {
  std::string out;
  for (std::size_t size : shape)
    out +=
        (out.empty() ? "" : ", ") + (size == kAny ? std::string("any") : fmt::format("{}", size));
  return "[" + out + "]";
}

// A safetensors file whose tensors are read with the shape they should have.
class Reader {
 public:
  explicit Reader(io::SafetensorsFile file) : file_(std::move(file)) {}
  const std::string& path() const { return file_.path(); }
  bool Has(const std::string& name) const { return file_.tensors().contains(name); }
  bool HasPrefix(const std::string& prefix) const {
    const auto it = file_.tensors().lower_bound(prefix);
    return it != file_.tensors().end() && it->first.starts_with(prefix);
  }

  // A line about the tensors of this prefix; none: there are none.
  std::optional<std::string> PassedOver(const std::string& prefix, const char* why) const {
    std::vector<std::string> names;
    for (auto it = file_.tensors().lower_bound(prefix);
         it != file_.tensors().end() && it->first.starts_with(prefix); ++it)
      names.push_back(it->first);
    if (names.empty()) return std::nullopt;
    return fmt::format("{}: passed over {}: {}", path(), fmt::join(names, ", "), why);
  }

  // That every "<variant>.<what>" is of a known variant: none is passed over without a word.
  Status CheckVariants() const {
    for (const auto& [name, info] : file_.tensors()) {
      const std::string variant = name.substr(0, name.find('.'));
      if (variant.size() == name.size() || std::ranges::count(kGoldenVariants, variant) != 0)
        continue;
      return Fail(Code::kCorrupt, "{}: {}: found variant {}, expected one of {}", path(),
                  Json(name).Dump(), Json(variant).Dump(), fmt::join(kGoldenVariants, ", "));
    }
    return Unit{};
  }

  Result<GoldenArray<float>> Floats(const std::string& name, const Shape& wanted) const {
    HADAL_TRY(const io::TensorView view, View(name, wanted));
    Result<std::vector<float>> values = io::DecodeFloats(view, nullptr);
    if (!values.ok()) return Within(path() + ": " + name, values.error());
    return GoldenArray<float>{Shape(view.shape.begin(), view.shape.end()), std::move(*values)};
  }
  // Every value in [lowest, end).
  Result<GoldenArray<std::int64_t>> Ints(const std::string& name, const Shape& wanted,
                                         std::int64_t lowest, std::size_t end) const {
    HADAL_TRY(const io::TensorView view, View(name, wanted));
    Result<std::vector<std::int64_t>> values = io::DecodeInts(view);
    if (!values.ok()) return Within(path() + ": " + name, values.error());
    for (std::int64_t v : *values)
      if (v < lowest || v >= static_cast<std::int64_t>(end))
        return Fail(Code::kCorrupt, "{}: {}: found the value {}, expected {}..{}", path(), name, v,
                    lowest, static_cast<std::int64_t>(end) - 1);
    return GoldenArray<std::int64_t>{Shape(view.shape.begin(), view.shape.end()),
                                     std::move(*values)};
  }

 private:
  Result<io::TensorView> View(const std::string& name, const Shape& wanted) const {
    HADAL_TRY(io::TensorView view, file_.Find(name));
    bool same = view.shape.size() == wanted.size();
    for (std::size_t i = 0; same && i < wanted.size(); ++i)
      same = wanted[i] == kAny || view.shape[i] == wanted[i];
    if (!same)
      return Fail(Code::kCorrupt, "{}: {}: found shape {}, expected {}", path(), name,
                  io::FormatShape(view.shape), ShowShape(wanted));
    return view;
  }
  io::SafetensorsFile file_;
};

// The sizes that the shapes are made of.
struct Sizes {
  std::size_t layers, vocab, experts, topk, index_topk;
  Shape stream;                                     // of a residual stream
  std::size_t indexed = 0, routed = 0, scored = 0;  // layers
  std::size_t ratio = 1;                            // tokens an entry of layers with an indexer
  std::size_t prompt = 0, steps = 0, positions = 0, hidden = 0, selections = 0;

  // A shape with a stream at its end.
  Shape Streams(Shape shape) const {
    shape.insert(shape.end(), stream.begin(), stream.end());
    return shape;
  }
};

Sizes SizesOf(const arch::Config& c) {
  Sizes sizes{.layers = c.num_hidden_layers,
              .vocab = c.vocab_size,
              .experts = c.n_routed_experts,
              .topk = c.num_experts_per_tok,
              .index_topk = c.index_topk,
              .stream = {c.hidden_size}};
  if (c.hc_mult > 1) sizes.stream = {c.hc_mult, c.hidden_size};
  for (std::size_t l = 0; l < c.num_hidden_layers; ++l) {
    const arch::LayerKind kind = arch::LayerKindOf(c, l);
    if (kind.indexed) ++sizes.indexed, sizes.ratio = kind.ratio;
    if (!kind.dense) ++sizes.routed;
    if (!kind.dense && !kind.hashed) ++sizes.scored;
  }
  return sizes;
}

Result<std::vector<std::int32_t>> ReadTokens(const Reader& reader, const std::string& name,
                                             std::size_t vocab) {
  HADAL_TRY(const auto array, reader.Ints(name, {1, kAny}, 0, vocab));
  return std::vector<std::int32_t>(array.values.begin(), array.values.end());
}

Result<std::vector<std::size_t>> ReadPositions(const Reader& reader, const std::string& name,
                                               std::size_t end) {
  HADAL_TRY(const auto array, reader.Ints(name, {kAny}, 0, end));
  return std::vector<std::size_t>(array.values.begin(), array.values.end());
}

// Reads what is there of one variant. The logits must be: without them there is nothing to compare.
class VariantReader {
 public:
  VariantReader(const Reader& reader, std::string variant, const Sizes& sizes)
      : reader_(reader), prefix_(std::move(variant) + "."), n_(sizes) {}

  Result<GoldenVariant> Read() {
    GoldenVariant v;
    HADAL_TRY(v.prefill_logits,
              reader_.Floats(prefix_ + "prefill_logits", {n_.positions, n_.vocab}));
    if (n_.steps > 0) {
      HADAL_TRY(v.decode_logits, reader_.Floats(prefix_ + "decode_logits", {n_.steps, n_.vocab}));
    }
    // V3.2's cases have the MTP block fed before and after model.norm; the engine's is before, and
    // what is after is passed over with a note.
    for (const char* mtp : {"mtp_", "mtp_pre_"}) {
      const std::string name(mtp);
      Floats(name + "prefill_logits_tail", {kAny, n_.vocab}, &v.mtp_prefill_logits_tail);
      Floats(name + "decode_logits", {n_.steps, n_.vocab}, &v.mtp_decode_logits);
    }
    if (n_.hidden > 0) Floats("hidden", n_.Streams({n_.layers + 1, n_.hidden}), &v.hidden);
    Ints("gate_ids", {n_.routed, n_.selections, n_.topk}, 0, n_.experts, &v.gate_ids);
    Floats("gate_weights", {n_.routed, n_.selections, n_.topk}, &v.gate_weights);
    Floats("gate_margin", {n_.scored, n_.selections}, &v.gate_margin);
    Floats("indexer_margin", {n_.indexed, n_.selections}, &v.indexer_margin);
    const std::size_t entries = (n_.prompt + n_.steps) / n_.ratio;
    Ints("indexer_topk", {n_.indexed, n_.selections, n_.index_topk}, -1, entries, &v.indexer_topk);
    Ints("decode_gate_ids", {n_.routed, n_.steps, n_.topk}, 0, n_.experts, &v.decode_gate_ids);
    Ints("decode_indexer_topk", {n_.indexed, n_.steps, n_.index_topk}, -1, entries,
         &v.decode_indexer_topk);
    if (error_) return *error_;
    if (!v.mtp_prefill_logits_tail.empty() && v.mtp_prefill_logits_tail.shape[0] > n_.prompt - 1)
      return Fail(Code::kCorrupt,
                  "{}: {}mtp_prefill_logits_tail: found {} rows, expected at most {}",
                  reader_.path(), prefix_, v.mtp_prefill_logits_tail.shape[0], n_.prompt - 1);
    return v;
  }

 private:
  void Floats(const std::string& what, const Shape& shape, GoldenArray<float>* out) {
    if (reader_.Has(prefix_ + what)) Keep(reader_.Floats(prefix_ + what, shape), out);
  }
  void Ints(const char* what, const Shape& shape, std::int64_t lowest, std::size_t end,
            GoldenArray<std::int64_t>* out) {
    if (reader_.Has(prefix_ + what)) Keep(reader_.Ints(prefix_ + what, shape, lowest, end), out);
  }
  template <class T>
  void Keep(Result<T> result, T* out) {
    if (result.ok())
      *out = std::move(*result);
    else if (!error_)
      error_ = result.error();
  }

  const Reader& reader_;
  std::string prefix_;
  Sizes n_;
  std::optional<Error> error_;
};

Result<Reader> OpenReader(const fs::path& path) {
  HADAL_TRY(io::SafetensorsFile file, io::SafetensorsFile::Open(path.string()));
  return Reader(std::move(file));
}

// The tokens of layer_io: named, or the prompt's first.
Result<std::vector<std::int32_t>> ReadLayerTokens(const Reader& reader, const std::string& tensor,
                                                  const Sizes& sizes, const GoldenCase& golden) {
  if (reader.Has("layer_io_input_ids"))
    return ReadTokens(reader, "layer_io_input_ids", sizes.vocab);
  HADAL_TRY(const auto any, reader.Floats(tensor, sizes.Streams({sizes.layers + 1, kAny})));
  if (any.shape[1] > golden.prompt.size())
    return Fail(Code::kCorrupt, "{}: {}: found {} positions, expected at most the prompt's {}",
                reader.path(), tensor, any.shape[1], golden.prompt.size());
  const auto end = golden.prompt.begin() + static_cast<std::ptrdiff_t>(any.shape[1]);
  return std::vector<std::int32_t>(golden.prompt.begin(), end);
}

Status ReadTrace(const Sizes& sizes, GoldenCase* out) {
  const fs::path path = fs::path(out->directory) / "trace.safetensors";
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return Unit{};
  HADAL_TRY(const Reader reader, OpenReader(path));
  for (auto& [name, variant] : out->variants) {
    const std::string tensor = name + ".layer_io";
    if (!reader.Has(tensor)) continue;
    HADAL_TRY(out->layer_io_tokens, ReadLayerTokens(reader, tensor, sizes, *out));
    HADAL_TRY(
        variant.layer_io,
        reader.Floats(tensor, sizes.Streams({sizes.layers + 1, out->layer_io_tokens.size()})));
  }
  return Unit{};
}

Status ReadCaseJson(GoldenCase* out) {
  const std::string path = (fs::path(out->directory) / "case.json").string();
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return Unit{};
  HADAL_TRY(const std::string text, io::ReadFile(path, std::uint64_t{1} << 24));
  const Result<Json> json = ParseJson(text);
  if (!json.ok()) return Within(path, json.error());
  if (json->AsObject() == nullptr)
    return Fail(Code::kCorrupt, "{}: found {}, expected an object", path, json->KindName());
  if (const Json* report = json->Find("report")) out->report = *report;
  return Unit{};
}

}  // namespace

bool IsGoldenCase(const std::string& directory) {
  std::error_code ignored;
  return fs::exists(fs::path(directory) / "expected.safetensors", ignored);
}

std::string GoldenCaseName(const std::string& directory) { return io::NameOfFolder(directory); }

Result<GoldenCase> ReadGoldenCase(const std::string& directory, const arch::Config& config) {
  GoldenCase out;
  out.directory = directory;
  out.name = GoldenCaseName(directory);
  HADAL_TRY(const Reader reader, OpenReader(fs::path(directory) / "expected.safetensors"));
  Sizes sizes = SizesOf(config);

  HADAL_TRY(out.prompt, ReadTokens(reader, "input_ids", sizes.vocab));
  if (out.prompt.empty())
    return Fail(Code::kCorrupt, "{}: input_ids: found no tokens", reader.path());
  if (reader.Has("next_ids")) {
    HADAL_TRY(out.next, ReadTokens(reader, "next_ids", sizes.vocab));
  }
  sizes.prompt = out.prompt.size();
  sizes.steps = out.next.size();
  HADAL_TRY(out.prefill_positions, ReadPositions(reader, "prefill_positions", sizes.prompt));
  sizes.positions = out.prefill_positions.size();
  if (reader.Has("hidden_positions")) {
    HADAL_TRY(out.hidden_positions, ReadPositions(reader, "hidden_positions", sizes.prompt));
  }
  sizes.hidden = out.hidden_positions.size();
  if (reader.Has("selection_positions")) {
    HADAL_TRY(out.selection_positions, ReadPositions(reader, "selection_positions", sizes.prompt));
  } else {
    for (std::size_t p = 0; p < sizes.prompt; ++p) out.selection_positions.push_back(p);
  }
  sizes.selections = out.selection_positions.size();

  HADAL_TRY_STATUS(reader.CheckVariants());
  for (const std::string_view name : kGoldenVariants) {
    const std::string variant(name);
    if (!reader.HasPrefix(variant + ".")) continue;
    HADAL_TRY(out.variants[variant], VariantReader(reader, variant, sizes).Read());
    if (auto note = reader.PassedOver(variant + ".mtp_post_",
                                      "the MTP block here reads the state before the model's norm"))
      out.notes.push_back(std::move(*note));
  }
  if (out.variants.empty())
    return Fail(Code::kNotFound,
                "{}: no tensor 'f32.prefill_logits', 'f32q.prefill_logits' or "
                "'bf16.prefill_logits'",
                reader.path());
  HADAL_TRY_STATUS(ReadTrace(sizes, &out));
  HADAL_TRY_STATUS(ReadCaseJson(&out));
  return out;
}

}  // namespace hadal::eval
