// DeepSeek-V3.2's cached records: a token's latent, which serves all heads, and its index key.
//
// A latent entry of shape.head_dim channels (656 bytes for 576 with 64 rotary ones):
//     nope              E4M3 codes
//     ceil(nope / 128)  float32 scales, one a block of 128 channels
//     2 * rope_dim      BF16, the rotary channels
// An index key of dim channels (132 bytes for 128):
//     dim               E4M3 codes
//     ceil(dim / 128)   float32 scales
//
// Numbers  each number is rounded once, nearest, ties to the even code; decoded it is code * scale
//          in float32. The scales are powers of two or not, as the model's scale_fmt has it
//          (tensor/codec.h). The same bits from every instruction set. Nothing is summed.
// Caller   sizes agree: HADAL_CHECK. Any bytes decode to something, fields have any alignment.
// Source   DeepSeek-V3.2-Exp inference/model.py, MLA and Indexer; kernel.py, act_quant; FlashMLA
//          tests/quant.py for the order of fields.
#pragma once
#include <cstddef>
#include <span>

#include "kernels/block_quant.h"

namespace hadal::kernels {

std::size_t LatentEntryBytes(const KvEntryShape& shape);
// kv [head_dim] f32; entry [LatentEntryBytes]: every element written.
void EncodeLatentEntry(const KvEntryShape& shape, ScaleRule rule, std::span<const float> kv,
                       std::span<std::byte> entry);
void DecodeLatentEntry(const KvEntryShape& shape, std::span<const std::byte> entry,
                       std::span<float> kv);
// What decoding the encoded entry gives, in place.
void RoundLatentEntry(const KvEntryShape& shape, ScaleRule rule, std::span<float> kv);

std::size_t Fp8KeyBytes(std::size_t dim);
void EncodeFp8Key(ScaleRule rule, std::span<const float> key, std::span<std::byte> entry);
void DecodeFp8Key(std::span<const std::byte> entry, std::span<float> key);

namespace ref {  // number by number with the codecs of tensor/codec.h; finite numbers
void EncodeLatentEntry(const KvEntryShape& shape, ScaleRule rule, std::span<const float> kv,
                       std::span<std::byte> entry);
void EncodeFp8Key(ScaleRule rule, std::span<const float> key, std::span<std::byte> entry);
}  // namespace ref

}  // namespace hadal::kernels
