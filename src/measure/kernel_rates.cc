#include "measure/kernel_rates.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/prefetch.h"
#include "base/random.h"
#include "base/threads.h"
#include "cost/engine_products.h"
#include "kernels/attention.h"
#include "kernels/block_quant.h"
#include "kernels/index_scores.h"
#include "kernels/packed_index_scores.h"
#include "kernels/products.h"
#include "kernels/quantized_matmul.h"
#include "machine/memory_reader.h"
#include "tensor/buffer.h"
#include "tensor/codec.h"

namespace hadal::measure {
namespace {

using kernels::Weight;

constexpr std::size_t kSamples = 15;
constexpr std::size_t kRows = 2048, kCols = 4096;  // of an expert of V4-Flash
constexpr std::size_t kHeads = 64, kHeadDim = 512, kRopeDim = 64;
constexpr std::size_t kIndexHeads = 64, kIndexDim = 128, kIndexTopk = 512;
constexpr std::size_t kIndexPage = 32;  // keys of a page of 128 tokens

std::vector<float> Normals(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& v : values) v = static_cast<float>(random.Normal());
  return values;
}

// One kernel with its data: how much a call does, and the call.
class Case {
 public:
  Case() = default;
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;
  virtual ~Case() = default;
  virtual void Call(Threads& threads) = 0;
  double amount() const { return amount_; }

 protected:
  double amount_ = 0;
};

// Matrices of [kRows, kCols] behind each other, with values as in a checkpoint: what the FP8 kernel
// does depends on them.
class Matrices {
 public:
  Matrices(StoredFormat format, std::size_t bytes, Threads& threads)
      : one_{format, kRows, kCols, nullptr, nullptr},
        size_(one_.code_bytes() + one_.scale_bytes()),
        count_(std::max<std::size_t>(1, bytes / size_)),
        memory_(count_ * size_) {
    const std::array<std::byte, 4096> codes = Codes(format);
    threads.Run(count_, [&](std::size_t m) {
      Random random(3, m);
      std::byte* data = memory_.data() + m * size_;
      const std::size_t step = format == StoredFormat::kBf16 ? 2 : 1;
      for (std::size_t i = 0; i < one_.code_bytes(); i += step)
        std::copy_n(codes.data() + step * random.Below(codes.size() / step), step, data + i);
      std::fill_n(data + one_.code_bytes(), one_.scale_bytes(), std::byte{120});
    });
  }

  std::size_t count() const { return count_; }
  double bytes() const { return static_cast<double>(count_ * size_); }
  Weight At(std::size_t m) const {
    Weight w = one_;
    w.codes = memory_.data() + m * size_;
    w.scales = one_.scale_bytes() == 0 ? nullptr : w.codes + one_.code_bytes();
    return w;
  }

 private:
  static std::array<std::byte, 4096> Codes(StoredFormat format) {
    std::array<std::byte, 4096> codes;
    Random random(1);
    for (std::size_t i = 0; i < codes.size(); ++i) {
      const auto v = static_cast<float>(std::clamp(70 * random.Normal(), -448.0, 448.0));
      if (format == StoredFormat::kBf16)  // pairs; a moderate exponent in the second byte
        codes[i] =
            static_cast<std::byte>(i % 2 == 1 ? 0x3D | (random.Below(2) << 7) : random.Below(256));
      else
        codes[i] = static_cast<std::byte>(format == StoredFormat::kFp4Block32 ? random.Below(256)
                                                                              : F32ToE4m3(v));
    }
    return codes;
  }

  Weight one_;
  std::size_t size_, count_;
  Buffer<std::byte> memory_;
};

// With one row a product is told by the bytes that it reads, with more by its operations.
double AmountOf(const Matrices& matrices, std::size_t rows) {
  if (rows == 1) return matrices.bytes();
  return 2.0 * kRows * kCols * static_cast<double>(matrices.count() * rows);
}

class Bf16Case : public Case {
 public:
  Bf16Case(std::size_t rows, std::size_t bytes, Threads& threads)
      : matrices_(StoredFormat::kBf16, bytes, threads),
        x_(Normals(rows * kCols, 2)),
        y_(matrices_.count() * rows * kRows) {
    amount_ = AmountOf(matrices_, rows);
    for (std::size_t m = 0; m < matrices_.count(); ++m)
      jobs_.push_back(
          {{x_.data(), rows, kCols}, matrices_.At(m), {&y_[m * rows * kRows], rows, kRows}});
  }
  void Call(Threads& threads) override { kernels::MatMul(jobs_, threads); }

 private:
  Matrices matrices_;
  std::vector<float> x_, y_;
  std::vector<kernels::MatMulJob> jobs_;
};

class QuantizedCase : public Case {
 public:
  // `together`: matrices of one parallel region, as the engine has them.
  QuantizedCase(StoredFormat format, std::size_t rows, std::size_t together, std::size_t bytes,
                Threads& threads)
      : together_(together),
        matrices_(format, bytes, threads),
        x_(rows * kernels::QuantizedRowBytes(kernels::RowFormatFor(format), kCols)),
        y_(matrices_.count() * rows * kRows) {
    const kernels::RowFormat row = kernels::RowFormatFor(format);
    const std::size_t stride = x_.size() / rows;
    for (std::size_t r = 0; r < rows; ++r)
      kernels::QuantizeRow(row, Normals(kCols, 2 + r), x_.data() + r * stride);
    amount_ = AmountOf(matrices_, rows);
    for (std::size_t m = 0; m < matrices_.count(); ++m)
      jobs_.push_back({{row, kCols, x_.data(), stride, {}},
                       matrices_.At(m),
                       {&y_[m * rows * kRows], rows, kRows}});
  }
  void Call(Threads& threads) override {
    for (std::size_t at = 0; at < jobs_.size(); at += together_)
      kernels::MatMul(std::span(jobs_).subspan(at, std::min(together_, jobs_.size() - at)),
                      threads);
  }

 private:
  std::size_t together_;
  Matrices matrices_;
  Buffer<std::byte> x_;
  std::vector<float> y_;
  std::vector<kernels::QuantizedMatMulJob> jobs_;
};

// Stored entries: one made, then copied.
Buffer<std::byte> Copies(std::span<const std::byte> entry, std::size_t count) {
  Buffer<std::byte> all(entry.size() * count);
  for (std::size_t i = 0; i < count; ++i)
    std::copy(entry.begin(), entry.end(), all.data() + i * entry.size());
  return all;
}

// Each thread some pages of keys.
class IndexCase : public Case {
 public:
  IndexCase(std::size_t bytes, Threads& threads)
      : pages_(std::max<std::size_t>(threads.count(), bytes / kKeyBytes / kIndexPage)),
        query_(kernels::PackedIndexQueryBytes(kIndexHeads, kIndexDim)),
        best_(threads.count(), kernels::TopK(kIndexTopk)) {
    std::vector<std::byte> key(kKeyBytes);
    kernels::EncodeIndexKey(Normals(kIndexDim, 1), key);
    keys_ = Copies(key, pages_ * kIndexPage);
    const std::vector<float> q = Normals(kIndexHeads * kIndexDim, 4);
    kernels::PackIndexQuery({q.data(), kIndexHeads, kIndexDim}, Normals(kIndexHeads, 3),
                            query_.data());
    amount_ = 2.0 * kIndexHeads * kIndexDim * static_cast<double>(pages_ * kIndexPage);
  }
  void Call(Threads& threads) override {
    threads.Run(best_.size(), [this](std::size_t part) { Score(part); });
  }

 private:
  static constexpr std::size_t kKeyBytes = kIndexDim / 2 + kIndexDim / 32;
  static constexpr std::size_t kPageBytes = kIndexPage * kKeyBytes;
  void Score(std::size_t part) {
    std::array<float, kIndexPage> scores;
    best_[part].Reset();
    const std::size_t end = pages_ * (part + 1) / best_.size();
    for (std::size_t page = pages_ * part / best_.size(); page < end; ++page) {
      if (page + 1 < end)  // as the engine does
        Prefetch(keys_.span().subspan((page + 1) * kPageBytes, kPageBytes));
      kernels::PackedIndexScores({query_.data(), 1, query_.size()}, kIndexHeads, kIndexDim,
                                 keys_.data() + page * kPageBytes, {scores.data(), 1, kIndexPage});
      best_[part].Push(static_cast<std::uint32_t>(page * kIndexPage), scores);
    }
  }

  std::size_t pages_;
  Buffer<std::byte> keys_, query_;
  std::vector<kernels::TopK> best_;
};

// Each thread some heads, over all entries, as one row of the engine.
class AttentionCase : public Case {
 public:
  AttentionCase(std::size_t bytes, Threads& threads)
      : parts_(std::min(kHeads, threads.count())),
        tiles_(std::max<std::size_t>(1, bytes / kShape.bytes() / kernels::kAttentionTile)),
        q_(Normals(kHeads * kHeadDim, 2)),
        max_(kHeads),
        sum_(kHeads),
        weighted_(q_.size()),
        decoded_(parts_ * kernels::kAttentionTile * kHeadDim) {
    std::vector<std::byte> entry(kShape.bytes());
    kernels::EncodeKvEntry(kShape, Normals(kHeadDim, 1), entry);
    entries_ = Copies(entry, tiles_ * kernels::kAttentionTile);
    amount_ = 4.0 * kHeads * kHeadDim * static_cast<double>(tiles_ * kernels::kAttentionTile);
  }
  void Call(Threads& threads) override {
    threads.Run(parts_, [this](std::size_t part) { Attend(part); });
  }

 private:
  static constexpr kernels::KvEntryShape kShape{kHeadDim, kRopeDim};
  void Attend(std::size_t part) {
    const std::size_t first = kHeads * part / parts_, count = kHeads * (part + 1) / parts_ - first;
    const std::size_t tile = kernels::kAttentionTile;
    const View2<const float> query(&q_[first * kHeadDim], count, kHeadDim);
    kernels::AttentionState state{std::span(max_).subspan(first, count),
                                  std::span(sum_).subspan(first, count),
                                  {&weighted_[first * kHeadDim], count, kHeadDim}};
    const View2<float> kv(&decoded_[part * tile * kHeadDim], tile, kHeadDim);
    kernels::AttendBegin(state);
    for (std::size_t t = 0; t < tiles_; ++t) {
      for (std::size_t j = 0; j < tile; ++j)
        kernels::DecodeKvEntry(
            kShape, entries_.span().subspan((t * tile + j) * kShape.bytes(), kShape.bytes()),
            kv[j]);
      if (t + 1 < tiles_)  // as the engine does
        Prefetch(entries_.span().subspan((t + 1) * tile * kShape.bytes(), tile * kShape.bytes()));
      kernels::AttendTile(query, kv, 0.04F, state);
    }
  }

  std::size_t parts_, tiles_;
  std::vector<float> q_, max_, sum_, weighted_, decoded_;
  Buffer<std::byte> entries_;
};

class ReadCase : public Case {
 public:
  explicit ReadCase(machine::MemoryReader memory) : memory_(std::move(memory)) {
    amount_ = static_cast<double>(memory_.bytes());
  }
  void Call(Threads& threads) override { memory_.BytesPerSecond(threads); }

 private:
  machine::MemoryReader memory_;
};

struct Kernel {
  std::string_view key;
  kernels::RateUnit unit;
  std::unique_ptr<Case> work;
  std::vector<double> rates = {};
};

std::unique_ptr<Case> MakeCase(kernels::Product product, std::size_t rows, std::size_t bytes,
                               Threads& threads) {
  switch (product) {
    case kernels::Product::kFloatMatrix:
      return std::make_unique<Bf16Case>(rows, bytes, threads);
    case kernels::Product::kFp8Matrix:
      return std::make_unique<QuantizedCase>(StoredFormat::kFp8Block128, rows, 2, bytes, threads);
    case kernels::Product::kFp4Matrix:
      return std::make_unique<QuantizedCase>(StoredFormat::kFp4Block32, rows, 12, bytes, threads);
    case kernels::Product::kIndexScores:
      return std::make_unique<IndexCase>(bytes / 8, threads);
    case kernels::Product::kAttention:
      return std::make_unique<AttentionCase>(bytes / 16, threads);
  }
  return nullptr;
}

}  // namespace

Result<std::vector<KernelRate>> MeasureKernels(std::size_t thread_count, std::size_t bytes) {
  Threads threads(thread_count);
  std::vector<Kernel> cases;
  for (const kernels::Product product : kernels::kAllProducts)
    cases.push_back({kernels::RowOf(product).key, kernels::RowOf(product).rate,
                     MakeCase(product, 1, bytes, threads)});
  const std::size_t many_rows = std::clamp<std::size_t>(bytes >> 20, 2, cost::kManyRows);
  for (const kernels::Product product : kernels::kAllProducts)
    if (kernels::RowOf(product).rate == kernels::RateUnit::kBytes)
      cases.push_back({cost::ManyRowsKey(product), kernels::RateUnit::kOperations,
                       MakeCase(product, many_rows, 1, threads)});
  HADAL_TRY(machine::MemoryReader memory, machine::MemoryReader::Create(bytes, threads));
  cases.push_back({kernels::kMemoryRead, kernels::RateUnit::kBytes,
                   std::make_unique<ReadCase>(std::move(memory))});
  // They take turns, so that what else the machine does falls on all of them. The first turn warms
  // up.
  for (std::size_t sample = 0; sample <= kSamples; ++sample)
    for (Kernel& kernel : cases) {
      const Stopwatch clock;
      kernel.work->Call(threads);
      if (sample > 0) kernel.rates.push_back(kernel.work->amount() / clock.seconds());
    }
  std::vector<KernelRate> rates;
  rates.reserve(cases.size());
  for (Kernel& kernel : cases)
    rates.push_back({kernel.key, kernel.unit == kernels::RateUnit::kBytes ? "bytes" : "operations",
                     machine::Samples::Of(std::move(kernel.rates))});
  return rates;
}

}  // namespace hadal::measure
