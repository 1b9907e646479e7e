#include "model/expert_places.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

#include "arch/inventory.h"
#include "arch/tensor_names.h"

namespace hadal::model {
namespace {

using arch::Recognised, arch::Role;

// One of an expert's six, in its file.
struct Piece {
  std::size_t part;  // 2 * (0, 1, 2 for w1, w2, w3), and 1 more for scales
  std::size_t file;
  io::FileRange range;
};

std::size_t MatrixOf(Role role) {
  return role == Role::kExpertW1 ? 0 : role == Role::kExpertW2 ? 1 : 2;
}

const Weight& WeightOf(const Expert& expert, std::size_t matrix) {
  return matrix == 0 ? expert.w1 : matrix == 1 ? expert.w2 : expert.w3;
}

// Lays the pieces out in a slot; its bytes.
std::uint64_t Lay(std::vector<Piece> pieces, ExpertPlace* place) {
  std::ranges::sort(pieces, {}, [](const Piece& p) { return std::tuple(p.file, p.range.begin); });
  std::uint64_t bytes = 0;
  for (const Piece& piece : pieces) {
    std::vector<ExpertRead>& reads = place->reads;
    if (reads.empty() || reads.back().file != piece.file ||
        !io::Joins(piece.range, &reads.back().range))
      reads.push_back({piece.file, piece.range, bytes});
    const ExpertRead& read = reads.back();
    place->at[piece.part] = read.at + (piece.range.begin - read.range.hull_begin());
    bytes = read.at + read.range.hull_bytes();
  }
  return bytes;
}

}  // namespace

bool IsReadOnDemand(std::string_view name, const io::TensorInfo& info) {
  const Recognised found = arch::Recognise(name);
  if (!arch::IsRoutedExpert(found.id.role)) return false;
  if (found.kind == Recognised::Kind::kScale) return info.dtype != DType::kF32;
  return found.kind == Recognised::Kind::kTensor;
}

Expert ExpertPlace::In(const std::byte* slot) const {
  Expert expert = weights;
  const std::array<Weight*, 3> matrices = {&expert.w1, &expert.w2, &expert.w3};
  for (std::size_t m = 0; m < matrices.size(); ++m) {
    if (at[2 * m] != kNotRead) matrices[m]->codes = slot + at[2 * m];
    if (at[2 * m + 1] != kNotRead) matrices[m]->scales = slot + at[2 * m + 1];
  }
  return expert;
}

std::size_t ExpertPlaces::count() const {
  std::size_t all = 0;
  for (const auto& layer : places_)
    all += static_cast<std::size_t>(
        std::ranges::count_if(layer, [](const ExpertPlace& p) { return !p.reads.empty(); }));
  return all;
}

ExpertPlaces ExpertPlaces::Of(const Model& model) {
  HADAL_CHECK(!model.checkpoint().mapped());
  const io::Checkpoint& checkpoint = model.checkpoint();
  ExpertPlaces places;
  std::map<std::string, std::size_t> number_of;  // by path
  std::map<std::pair<std::size_t, std::size_t>, std::vector<Piece>> pieces;
  const auto add = [&](const std::string& name, std::size_t part, std::vector<Piece>* to) {
    const auto [file, fresh] = number_of.emplace(checkpoint.FileOf(name), number_of.size());
    const io::TensorInfo& info = *checkpoint.Info(name);
    to->push_back({part, file->second, {info.begin, info.end}});
  };

  const std::size_t layers = model.layers.size() + (model.mtp ? 1 : 0);
  for (std::size_t l = 0; l < layers; ++l) {
    auto& layer = places.places_.emplace_back();
    for (const Expert& expert : model.LayerAt(l).ffn.experts) layer.push_back({expert, {}});
  }
  for (const arch::TensorSpec& spec : arch::TensorsOf(model.config)) {
    const arch::TensorId& id = spec.id;
    if (!arch::IsRoutedExpert(id.role) || !model.selection.Wants(id)) continue;
    const std::size_t layer =
        id.part == arch::Part::kMtp ? model.layers.size() : id.layer - model.selection.begin_layer;
    const std::size_t matrix = MatrixOf(id.role);
    const Weight& weight = WeightOf(model.LayerAt(layer).ffn.experts[id.expert], matrix);
    std::vector<Piece>& of = pieces[{layer, id.expert}];
    if (weight.codes == nullptr) add(spec.name, 2 * matrix, &of);
    if (weight.scales == nullptr && LayoutOf(weight.format).scaled())
      add(arch::ScaleName(id), 2 * matrix + 1, &of);
  }
  for (auto& [id, of] : pieces)
    places.slot_bytes_ =
        std::max(places.slot_bytes_, Lay(std::move(of), &places.places_[id.first][id.second]));

  places.files_.resize(number_of.size());
  for (const auto& [path, number] : number_of) places.files_[number] = path;
  return places;
}

}  // namespace hadal::model
