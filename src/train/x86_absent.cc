// Where x86-64's vector code is left out: products are LibTorch's.
#include "train/product_tile.h"

namespace hadal::train {

const TileKernels* F32Tiles() { return nullptr; }
const TileKernels* Bf16Tiles() { return nullptr; }

}  // namespace hadal::train
