// Rounding to block-scaled FP8 and FP4, and the stored forms of cache entries.
//
// A block's scale is the smallest power of two that brings its largest magnitude into range
// (tensor/codec.h). RoundFp8 and RoundFp4 quantise and decode in place: the result is exactly what
// storing and loading would give.
//
// A block that holds a NaN or an infinity has no scale: all of it becomes NaN, stored as E8M0's
// NaN.
//
// A key-value entry of head_dim channels, the last rope_dim of them rotary (584 bytes for 512, 64):
//     nope bytes    E4M3 codes, nope = head_dim - rope_dim, a multiple of 64
//     2 * rope_dim  BF16 channels
//     nope / 64     E8M0 scales, one per 64 channels
//     zero padding to a multiple of 8 bytes
// An indexer key of dim channels (68 bytes for 128):
//     dim / 2       E2M1 codes, low nibble the even channel
//     dim / 32      E8M0 scales
//
// Numbers  each number is rounded once, nearest, ties to the even code: the same bits from every
//          instruction set, which are those of the scalar codecs. Nothing is summed.
// Caller   sizes agree, blocks are whole where said so: HADAL_CHECK. Any bytes decode to something.
//          Inputs and outputs must not overlap; what is rounded is rounded in place.
// Source   DeepSeek-V4 inference/kernel.py (act_quant, fp4_quant); FlashMLA tests/quant.py for the
//          fields.
#pragma once
#include <cstddef>
#include <span>

#include "base/threads.h"
#include "tensor/codec.h"
#include "tensor/view.h"

namespace hadal::kernels {

// block: 64 or 128; the last one may be short.
void RoundFp8(std::span<float> x, std::size_t block);
void RoundFp8(ScaleRule rule, std::span<float> x, std::size_t block);
// Blocks of 32; x.size() a multiple of 32.
void RoundFp4(std::span<float> x);
void RoundBf16(std::span<float> x);
// Row by row: x [rows, cols]; RoundFp4: cols a multiple of 32.
void RoundFp8(View2<float> x, std::size_t block, Threads& threads);
void RoundFp8(ScaleRule rule, View2<float> x, std::size_t block, Threads& threads);
void RoundFp4(View2<float> x, Threads& threads);
void RoundBf16(View2<float> x, Threads& threads);

// One block of any size: its codes, and its scale as the rule has it. A block with a number that is
// not finite has the scale NaN and codes of zero.
float EncodeFp8Block(ScaleRule rule, std::span<const float> x, std::span<std::byte> codes);
void DecodeFp8Block(std::span<const std::byte> codes, float scale, std::span<float> x);

struct KvEntryShape {
  std::size_t head_dim = 0, rope_dim = 0;
  std::size_t nope() const { return head_dim - rope_dim; }
  std::size_t bytes() const { return (nope() + 2 * rope_dim + nope() / 64 + 7) / 8 * 8; }
};
// kv [head_dim] f32; entry [shape.bytes()]: every element written.
void EncodeKvEntry(KvEntryShape shape, std::span<const float> kv, std::span<std::byte> entry);
void DecodeKvEntry(KvEntryShape shape, std::span<const std::byte> entry, std::span<float> kv);

// key [dim] f32, dim a multiple of 32; entry [IndexKeyBytes(dim)]: every element written.
inline std::size_t IndexKeyBytes(std::size_t dim) { return dim / 2 + dim / 32; }
void EncodeIndexKey(std::span<const float> key, std::span<std::byte> entry);
void DecodeIndexKey(std::span<const std::byte> entry, std::span<float> key);

namespace ref {  // number by number with the codecs of tensor/codec.h
void RoundFp8(std::span<float> x, std::size_t block);
void RoundFp4(std::span<float> x);
void RoundBf16(std::span<float> x);
void EncodeKvEntry(KvEntryShape shape, std::span<const float> kv, std::span<std::byte> entry);
void DecodeKvEntry(KvEntryShape shape, std::span<const std::byte> entry, std::span<float> kv);
void EncodeIndexKey(std::span<const float> key, std::span<std::byte> entry);
void DecodeIndexKey(std::span<const std::byte> entry, std::span<float> key);
}  // namespace ref

}  // namespace hadal::kernels
