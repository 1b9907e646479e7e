// Fast fills of memory with random numbers in the stored formats.
//
// Each filler is a function of (offset, bytes): it writes what belongs at that byte offset of an
// endless stream that depends on its key alone, so a stream can be written in any pieces by any
// thread. Offsets are multiples of 8. Random bits choose from a table of equally likely quantiles
// of a normal distribution,
// 256 of them for codes and 4,096 for float32 and BF16: a few bytes a nanosecond.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hadal {

// A byte of the stream is table[a random byte].
class ByteFill {
 public:
  ByteFill(std::uint64_t key, const std::array<std::uint8_t, 256>& table)
      : key_(key), table_(table) {}
  void operator()(std::uint64_t offset, std::span<std::byte> out) const;

 private:
  std::uint64_t key_;
  std::array<std::uint8_t, 256> table_;
};

ByteFill Fp8CodeFill(std::uint64_t key);  // E4M3, the largest magnitude near 448
ByteFill Fp4CodeFill(std::uint64_t key);  // two E2M1 a byte, over the whole range
// E8M0 scales that give those codes a standard deviation near `deviation`.
ByteFill Fp8ScaleFill(std::uint64_t key, double deviation);
ByteFill Fp4ScaleFill(std::uint64_t key, double deviation);

// Normal numbers as T: float, or std::uint16_t for BF16.
template <class T>
class NormalFill {
 public:
  NormalFill(std::uint64_t key, std::vector<T> table) : key_(key), table_(std::move(table)) {}
  void operator()(std::uint64_t offset, std::span<std::byte> out) const;

 private:
  std::uint64_t key_;
  std::vector<T> table_;  // 4,096
};

NormalFill<float> FloatFill(std::uint64_t key, double mean, double deviation);
NormalFill<std::uint16_t> Bf16Fill(std::uint64_t key, double mean, double deviation);

}  // namespace hadal
