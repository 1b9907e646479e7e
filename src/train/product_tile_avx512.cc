#include <utility>

#include "train/product_lanes_avx512.h"
#include "train/product_tile.h"

namespace hadal::train::avx512 {
namespace {
#include "train/product_tile_simd.inc"

using L = F32Lanes;
constexpr TileKernels kKernels{L::kRows, L::kVectors* L::kWidth, L::kUnitValues,
                               256,      Tiles<L>::kTiles,       nullptr,
                               &Pack<L>, &PackTurned<L>,         &Mirror<L>};

}  // namespace

const TileKernels& F32Tiles() { return kKernels; }

}  // namespace hadal::train::avx512
