#include "reference/random_case.h"

#include <algorithm>
#include <set>

#include "base/json.h"
#include "base/random.h"
#include "io/file.h"
#include "reference/tensor_store.h"

namespace hadal::reference {
namespace {

constexpr std::size_t kTail = 64, kLayerIo = 136, kTries = 400, kBroadTries = 12;

// Which tokens' choices are too close to call. An MTP position's choice is charged to the token it
// embeds.
std::vector<std::size_t> CloseTokens(const Model& model, const Outputs& out) {
  std::set<std::size_t> close;
  const auto note = [&](double margin, std::size_t token) {
    if (margin < kLeastMargin) close.insert(token);
  };
  for (std::size_t l = 0; l < out.layers.size(); ++l) {
    for (std::size_t p = 0; l >= model.config.hash_layers && p < out.logits.size(); ++p)
      note(out.layers[l].routes[p].margin, p);
    for (std::size_t p = 0; p < out.layers[l].selections.size(); ++p)
      note(out.layers[l].selections[p].margin, p);
  }
  for (std::size_t p = 0; p < out.mtp.routes.size(); ++p) note(out.mtp.routes[p].margin, p + 1);
  return {close.begin(), close.end()};
}

// Everything of one variant that the format has.
class VariantWriter {
 public:
  VariantWriter(const CaseSpec& spec, const Model& model, const Outputs& out, std::string variant,
                TensorStore* store)
      : s_(spec), c_(model.config), out_(out), prefix_(std::move(variant) + "."), store_(store) {}

  void Write(const std::vector<std::size_t>& prefill, const std::vector<std::size_t>& hidden) {
    Logits("prefill_logits", out_.logits, prefill);
    Logits("decode_logits", out_.logits, Range(s_.prompt, s_.steps));
    if (!out_.mtp_logits.empty()) {
      const std::size_t tail = std::min(kTail, s_.prompt - 1);
      if (tail > 0)
        Logits("mtp_prefill_logits_tail", out_.mtp_logits, Range(s_.prompt - 1 - tail, tail));
      Logits("mtp_decode_logits", out_.mtp_logits, Range(s_.prompt - 1, s_.steps));
    }
    Streams("hidden", hidden, store_);
    Gates("", 0, s_.prompt, true);
    Gates("decode_", s_.prompt, s_.steps, false);
    Entries("", 0, s_.prompt, true);
    Entries("decode_", s_.prompt, s_.steps, false);
  }
  void WriteLayerIo(TensorStore* trace) {
    Streams("layer_io", Range(0, std::min(kLayerIo, s_.prompt)), trace);
  }

 private:
  static std::vector<std::size_t> Range(std::size_t begin, std::size_t count) {
    std::vector<std::size_t> out(count);
    for (std::size_t i = 0; i < count; ++i) out[i] = begin + i;
    return out;
  }
  void Logits(const char* name, const Rows& rows, const std::vector<std::size_t>& positions) {
    if (positions.empty()) return;
    Row all;
    for (std::size_t p : positions) all.insert(all.end(), rows[p].begin(), rows[p].end());
    store_->F32(prefix_ + name, {positions.size(), c_.vocab}, std::span<const double>(all));
  }
  void Streams(const char* name, const std::vector<std::size_t>& positions, TensorStore* store) {
    Row all;
    for (const Rows& boundary : out_.streams)
      for (std::size_t p : positions) all.insert(all.end(), boundary[p].begin(), boundary[p].end());
    store->F32(prefix_ + name, {out_.streams.size(), positions.size(), 4, c_.dim},
               std::span<const double>(all));
  }
  void Gates(const std::string& kind, std::size_t begin, std::size_t count, bool details) {
    if (count == 0) return;
    std::vector<std::int64_t> ids;
    Row weights, margins;
    for (std::size_t l = 0; l < c_.layers; ++l)
      for (std::size_t p = begin; p < begin + count; ++p) {
        const Route& route = out_.layers[l].routes[p];
        ids.insert(ids.end(), route.experts.begin(), route.experts.end());
        weights.insert(weights.end(), route.weights.begin(), route.weights.end());
        if (l >= c_.hash_layers) margins.push_back(route.margin);
      }
    store_->I32(prefix_ + kind + "gate_ids", {c_.layers, count, c_.topk}, ids);
    if (!details) return;
    store_->F32(prefix_ + "gate_weights", {c_.layers, count, c_.topk},
                std::span<const double>(weights));
    store_->F32(prefix_ + "gate_margin", {c_.layers - c_.hash_layers, count},
                std::span<const double>(margins));
  }
  void Entries(const std::string& kind, std::size_t begin, std::size_t count, bool details) {
    std::vector<std::int64_t> ids;
    Row margins;
    std::size_t layers = 0;
    for (const LayerTrace& layer : out_.layers) {
      if (layer.selections.empty()) continue;
      ++layers;
      for (std::size_t p = begin; p < begin + count; ++p) {
        const Selection& selection = layer.selections[p];
        ids.insert(ids.end(), selection.entries.begin(), selection.entries.end());
        ids.insert(ids.end(), c_.index_topk - selection.entries.size(), -1);
        margins.push_back(selection.margin);
      }
    }
    if (layers == 0 || count == 0) return;
    store_->I32(prefix_ + kind + "indexer_topk", {layers, count, c_.index_topk}, ids);
    if (details)
      store_->F32(prefix_ + "indexer_margin", {layers, count}, std::span<const double>(margins));
  }

  const CaseSpec& s_;
  const Config& c_;
  const Outputs& out_;
  std::string prefix_;
  TensorStore* store_;
};

std::vector<std::int64_t> Wide(std::span<const std::int32_t> tokens) {
  return {tokens.begin(), tokens.end()};
}

std::vector<std::int64_t> Wide(const std::vector<std::size_t>& positions) {
  return {positions.begin(), positions.end()};
}

}  // namespace

Rounding RoundingOf(const std::string& variant) {
  if (variant == "bf16") return Rounding::Bf16();
  return variant == "f32q" ? Rounding::F32q() : Rounding::F32();
}

Result<std::vector<std::int32_t>> DrawTokens(const Model& model, const CaseSpec& spec) {
  Random random(spec.checkpoint.seed, 7);
  const auto draw = [&] { return static_cast<std::int32_t>(random.Below(model.config.vocab)); };
  std::vector<std::int32_t> tokens(spec.prompt + spec.steps);
  for (std::int32_t& token : tokens) token = draw();
  for (std::size_t i = 0; i < kTries; ++i) {
    const auto close = CloseTokens(model, model.Run(tokens, Rounding::F32(), true));
    if (close.empty()) return tokens;
    // All of them at first; then the earliest alone, which leaves what is settled before it alone.
    const std::size_t redrawn = i < kBroadTries ? close.size() : 1;
    for (std::size_t c = 0; c < redrawn; ++c) tokens[close[c]] = draw();
  }
  return Fail(Code::kExhausted, "{}: found no {} tokens without a close choice", spec.name,
              tokens.size());
}

Status WriteRandomCase(const CaseSpec& spec, const std::string& directory) {
  HADAL_TRY_STATUS(WriteRandomCheckpoint(spec.checkpoint, directory));
  HADAL_TRY(const Model model, LoadModel(directory));
  HADAL_TRY(const auto tokens, DrawTokens(model, spec));

  TensorStore expected, trace;
  const std::span<const std::int32_t> all(tokens);
  expected.I64("input_ids", {1, spec.prompt}, Wide(all.first(spec.prompt)));
  expected.I64("next_ids", {1, spec.steps}, Wide(all.subspan(spec.prompt)));
  std::vector<std::size_t> prefill, hidden;
  for (std::size_t p = 0; p < spec.prompt; ++p) {
    if (p < 64 || p % 3 == 0 || p + 64 >= spec.prompt) prefill.push_back(p);
    if (p % 37 == 0 || p + 1 == spec.prompt) hidden.push_back(p);
  }
  expected.I64("prefill_positions", {prefill.size()}, Wide(prefill));
  expected.I64("hidden_positions", {hidden.size()}, Wide(hidden));
  const std::size_t traced = std::min(kLayerIo, spec.prompt);
  trace.I64("layer_io_input_ids", {1, traced}, Wide(all.first(traced)));
  Json variants = Json::MakeObject({});
  for (const std::string& variant : spec.variants) {
    const Outputs out = model.Run(tokens, RoundingOf(variant), true);
    VariantWriter writer(spec, model, out, variant, &expected);
    writer.Write(prefill, hidden);
    if (variant != "bf16") writer.WriteLayerIo(&trace);
    variants.Set(variant, Json::MakeObject({}));
  }
  HADAL_TRY_STATUS(expected.WriteFile(directory + "/expected.safetensors"));
  HADAL_TRY_STATUS(trace.WriteFile(directory + "/trace.safetensors"));
  const Json json = Json::MakeObject({{"case", spec.name}, {"variants", std::move(variants)}});
  return io::WriteFile(directory + "/case.json", json.Dump(1));
}

}  // namespace hadal::reference
