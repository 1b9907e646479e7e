#include "train/matrix_product.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "train/parallel.h"
#include "train/product_tile.h"

namespace hadal::train {
namespace {

// Packed factors take so many rows and columns at a time: with a block of k, they stay in the
// second cache.
constexpr std::int64_t kRowBlock = 504, kColumnBlock = 1024;

// Kept by each thread from product to product.
struct Room {
  std::vector<float> values;
  float* Of(std::int64_t count) {
    if (values.size() < static_cast<std::size_t>(count))
      values.resize(static_cast<std::size_t>(count));
    return values.data();
  }
};
thread_local Room left_room, right_room;

struct Span {
  std::int64_t begin, end;
  std::int64_t size() const { return end - begin; }
};

// f(part) for parts of at most `size`.
template <class F>
void ForParts(Span all, std::int64_t size, F&& f) {
  for (std::int64_t at = all.begin; at < all.end; at += size)
    f(Span{at, std::min(all.end, at + size)});
}

// Some rows of the left factor, ready for tiles.
struct Left {
  const float* data;
  std::int64_t row_step, unit_step;
  bool panels;  // of a tile's rows, [units][rows] each; or rows that lie as they lay
};

class TiledProduct {
 public:
  TiledProduct(const Product<float>& product, const TileKernels& kernels)
      : p_(product), t_(kernels) {}

  void Run(Span rows) const {
    ForParts({0, p_.b.cols}, kColumnBlock, [&](Span columns) {
      ForParts({0, p_.a.cols}, t_.k_block, [&](Span k) {
        const float* right = PackRight(k, columns);
        ForParts(rows, kRowBlock,
                 [&](Span part) { Tiles(part, columns, k, PackLeft(part, k), right); });
      });
    });
  }

  // Of a symmetric product. Where its factors are one matrix and the same turned, the panels of one
  // serve as the other too.
  void RunSymmetric() const {
    const Span all{0, p_.a.rows};
    if (p_.a.data != p_.b.data || p_.a.row_step != p_.b.col_step ||
        p_.a.col_step != p_.b.row_step || all.end > kColumnBlock)
      return Run(all);
    ForParts({0, p_.a.cols}, t_.k_block, [&](Span k) {
      const float* right = PackRight(k, all);
      ForParts(all, t_.columns, [&](Span part) {
        Tiles(part, all, k, {right + part.begin * Units(k), 1, t_.columns, false}, right);
      });
    });
  }

 private:
  std::int64_t Units(Span k) const { return (k.size() + t_.unit_values - 1) / t_.unit_values; }

  const float* PackRight(Span k, Span columns) const {
    const std::int64_t panel = Units(k) * t_.columns;
    float* const out = right_room.Of((columns.size() + t_.columns - 1) / t_.columns * panel);
    float* at = out;
    ForParts(columns, t_.columns, [&](Span lanes) {
      const float* x = p_.b.data + k.begin * p_.b.row_step + lanes.begin * p_.b.col_step;
      if (p_.b.col_step == 1)
        t_.pack(x, k.size(), p_.b.row_step, lanes.size(), t_.columns, at);
      else
        t_.pack_turned(x, k.size(), p_.b.col_step, lanes.size(), at);
      at += panel;
    });
    return out;
  }

  Left PackLeft(Span rows, Span k) const {
    const Matrix<float>& a = p_.a;
    const float* x = a.data + rows.begin * a.row_step + k.begin * a.col_step;
    if (a.col_step == 1 && t_.convert == nullptr) return {x, a.row_step, 1, false};
    const std::int64_t units = Units(k);
    float* const out = left_room.Of(rows.size() * units);
    if (a.col_step == 1) {
      t_.convert(x, rows.size(), k.size(), a.row_step, out);
      return {out, units, 1, false};
    }
    ForParts({0, rows.size()}, t_.rows, [&](Span lanes) {
      t_.pack(x + lanes.begin, k.size(), a.col_step, lanes.size(), lanes.size(),
              out + lanes.begin * units);
    });
    return {out, 1, 0, true};
  }

  void Tiles(Span rows, Span columns, Span k, const Left& left, const float* right) const {
    TileArgs args{};
    args.units = Units(k);
    args.alpha = p_.alpha;
    args.c_step = p_.c_step;
    const bool first = k.begin == 0;  // later blocks of k add to what the first one left
    args.d_step = first ? p_.d_step : p_.c_step;
    args.beta = first ? p_.beta : 1;
    args.b = right;
    ForParts(columns, t_.columns, [&](Span across) {
      args.columns = across.size();
      ForParts(rows, t_.rows, [&](Span down) {
        if (p_.symmetric && across.begin >= down.end) return;
        const std::int64_t row = down.begin - rows.begin;
        args.a = left.data + row * (left.panels ? args.units : left.row_step);
        args.a_row_step = left.row_step;
        args.a_unit_step = left.panels ? down.size() : left.unit_step;
        args.c = p_.c + down.begin * p_.c_step + across.begin;
        args.d = !first            ? args.c
                 : p_.d != nullptr ? p_.d + down.begin * p_.d_step + across.begin
                                   : nullptr;
        t_.tile[down.size() - 1](args);
      });
      args.b += args.units * t_.columns;
    });
  }

  const Product<float>& p_;
  const TileKernels& t_;
};

template <class T>
torch::Tensor View(const Matrix<T>& m) {
  // from_blob wants a pointer it may write through; factors are only read.
  return torch::from_blob(const_cast<T*>(m.data), {m.rows, m.cols}, {m.row_step, m.col_step},
                          c10::CppTypeToScalarType<T>::value);
}

template <class T>
void MultiplyByLibTorch(const Product<T>& p) {
  const torch::NoGradGuard no_grad;
  const std::int64_t m = p.a.rows, n = p.b.cols;
  torch::Tensor c = View(Matrix<T>{p.c, m, n, p.c_step, 1});
  const torch::Tensor a = View(p.a), b = View(p.b);
  if (p.d == nullptr)
    c.copy_(torch::mm(a, b).mul_(p.alpha));
  else
    c.copy_(torch::addmm(View(Matrix<T>{p.d, m, n, p.d_step, 1}), a, b, p.beta, p.alpha));
}

template <class T>
bool IsEmpty(const Product<T>& p) {
  HADAL_CHECK(p.a.cols == p.b.rows);
  HADAL_CHECK((p.a.row_step == 1 || p.a.col_step == 1) && (p.b.row_step == 1 || p.b.col_step == 1));
  return p.a.rows == 0 || p.b.cols == 0;
}

}  // namespace

Products FastestProducts() { return Bf16Tiles() != nullptr ? Products::kBf16 : Products::kF32; }

void Multiply(const Product<float>& p, Products products) {
  if (IsEmpty(p)) return;
  const TileKernels* const tiles = products == Products::kBf16 ? Bf16Tiles() : F32Tiles();
  if (tiles == nullptr || p.a.cols == 0) {
    HADAL_CHECK(products == Products::kF32 || p.a.cols == 0);
    return MultiplyByLibTorch(p);
  }
  const TiledProduct product(p, *tiles);
  if (p.symmetric) {
    product.RunSymmetric();
    tiles->mirror(p.c, p.a.rows, p.c_step);
    return;
  }
  // Each thread takes whole tiles, of some million operations at least.
  const std::int64_t tile_rows = (p.a.rows + tiles->rows - 1) / tiles->rows;
  const std::int64_t grain = 1 + (1 << 20) / (tiles->rows * p.b.cols * p.a.cols);
  at::parallel_for(0, tile_rows, grain, [&](std::int64_t begin, std::int64_t end) {
    product.Run({begin * tiles->rows, std::min(end * tiles->rows, p.a.rows)});
  });
}

void Multiply(const Product<double>& p, Products products) {
  HADAL_CHECK(products == Products::kF32);
  if (!IsEmpty(p)) MultiplyByLibTorch(p);
}

}  // namespace hadal::train
