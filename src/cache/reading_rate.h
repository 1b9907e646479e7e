// How long it will take to read a state from disk, by those that were read.
//
// A state is read where that is faster than reading its tokens. One slow read, as on a disk that
// others use, must not end that for ever: nothing would be measured again. So each state that is
// passed over brings a low rate nearer to what is expected of a disk, until one is tried.
#pragma once
#include <cstdint>

namespace hadal::cache {

class ReadingRate {
 public:
  static constexpr double kExpected = 3e8;  // bytes a second
  static constexpr double kSecondsPerFile = 1e-4;

  double Seconds(std::uint64_t bytes, std::uint64_t files) const;
  void Read(std::uint64_t bytes, std::uint64_t files, double seconds);
  void PassedOver();

 private:
  double bytes_per_second_ = kExpected;
  bool measured_ = false;
};

}  // namespace hadal::cache
