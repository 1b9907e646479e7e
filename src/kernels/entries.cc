#include "kernels/entries.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/copy.h"
#include "kernels/latent_entry.h"
#include "kernels/share_rows.h"

namespace hadal::kernels {
namespace {

constexpr std::size_t kKvBlock = 64, kFp8KeyBlock = 128;

void StoreFloats(std::span<const float> x, std::byte* to) {
  std::memcpy(to, x.data(), x.size_bytes());
}

template <class Format>
void StoreRows(const Format& format, View2<float> x, std::span<std::byte* const> to,
               Threads& threads) {
  HADAL_CHECK(to.size() == x.rows());
  ShareRows(x.rows(), x.cols(), kExponents, threads,
            [&](std::size_t i) { StoreEntry(format, x[i], to[i]); });
}

template <class T>
void KeepNewest(View2<const T> x, std::uint64_t first, View2<T> ring) {
  HADAL_CHECK(x.cols() == ring.cols());
  for (std::size_t i = x.rows() - std::min(x.rows(), ring.rows()); i < x.rows(); ++i)
    CopyTo(x[i], ring[(first + i) % ring.rows()]);
}

}  // namespace

std::size_t EntryFormat::bytes() const {
  if (storage != EntryStorage::kPublished) return shape.head_dim * sizeof(float);
  return form == EntryForm::kV4 ? shape.bytes() : LatentEntryBytes(shape);
}

std::size_t KeyFormat::bytes() const {
  if (storage != EntryStorage::kPublished) return dim * sizeof(float);
  return form == EntryForm::kV4 ? IndexKeyBytes(dim) : Fp8KeyBytes(dim);
}

void RoundEntry(const EntryFormat& format, std::span<float> x) {
  if (format.form == EntryForm::kV4)
    RoundFp8(x.first(format.shape.nope()), kKvBlock);
  else
    RoundLatentEntry(format.shape, format.rule, x);
}

void RoundEntry(const KeyFormat& format, std::span<float> x) {
  if (format.form == EntryForm::kV4)
    RoundFp4(x);
  else
    RoundFp8(format.rule, x, kFp8KeyBlock);
}

void StoreEntry(const EntryFormat& format, std::span<float> x, std::byte* to) {
  const std::span<std::byte> entry(to, format.bytes());
  if (format.storage == EntryStorage::kPublished)
    return format.form == EntryForm::kV4 ? EncodeKvEntry(format.shape, x, entry)
                                         : EncodeLatentEntry(format.shape, format.rule, x, entry);
  if (format.storage == EntryStorage::kRounded) RoundEntry(format, x);
  StoreFloats(x, to);
}

void StoreEntry(const KeyFormat& format, std::span<float> x, std::byte* to) {
  const std::span<std::byte> entry(to, format.bytes());
  if (format.storage == EntryStorage::kPublished)
    return format.form == EntryForm::kV4 ? EncodeIndexKey(x, entry)
                                         : EncodeFp8Key(format.rule, x, entry);
  if (format.storage == EntryStorage::kRounded) RoundEntry(format, x);
  StoreFloats(x, to);
}

void StoreEntries(const EntryFormat& format, View2<float> x, std::span<std::byte* const> to,
                  Threads& threads) {
  StoreRows(format, x, to, threads);
}
void StoreEntries(const KeyFormat& format, View2<float> x, std::span<std::byte* const> to,
                  Threads& threads) {
  StoreRows(format, x, to, threads);
}

void LoadEntry(const EntryFormat& format, const std::byte* entry, std::span<float> x) {
  if (format.storage == EntryStorage::kPublished)
    return format.form == EntryForm::kV4
               ? DecodeKvEntry(format.shape, {entry, format.bytes()}, x)
               : DecodeLatentEntry(format.shape, {entry, format.bytes()}, x);
  std::memcpy(x.data(), entry, x.size_bytes());
}
void LoadEntry(const KeyFormat& format, const std::byte* entry, std::span<float> x) {
  if (format.storage == EntryStorage::kPublished)
    return format.form == EntryForm::kV4 ? DecodeIndexKey({entry, format.bytes()}, x)
                                         : DecodeFp8Key({entry, format.bytes()}, x);
  std::memcpy(x.data(), entry, x.size_bytes());
}

void KeepInRing(View2<const std::byte> x, std::uint64_t first, View2<std::byte> ring) {
  KeepNewest(x, first, ring);
}
void KeepInRing(View2<const float> x, std::uint64_t first, View2<float> ring) {
  KeepNewest(x, first, ring);
}

namespace ref {

void StoreEntry(const EntryFormat& format, std::span<float> x, std::byte* to) {
  if (format.storage == EntryStorage::kPublished)
    return ref::EncodeKvEntry(format.shape, x, {to, format.bytes()});
  if (format.storage == EntryStorage::kRounded)
    ref::RoundFp8(x.first(format.shape.nope()), kKvBlock);
  StoreFloats(x, to);
}

void StoreEntry(const KeyFormat& format, std::span<float> x, std::byte* to) {
  if (format.storage == EntryStorage::kPublished)
    return ref::EncodeIndexKey(x, {to, format.bytes()});
  if (format.storage == EntryStorage::kRounded) ref::RoundFp4(x);
  StoreFloats(x, to);
}

}  // namespace ref
}  // namespace hadal::kernels
