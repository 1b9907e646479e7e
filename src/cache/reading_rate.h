// How long it will take to read a state from disk, by those that were read.
//
// A state is read where that is faster than reading its tokens. One slow read, as on a disk that
// others use, must not end that for ever: nothing would be measured again. So behind kFirstRest
// states that were passed over one is tried, as if nothing had been measured; each time that this
// was slow again, the next comes twice as late. What a slow disk costs is one slow read in dozens,
// then in thousands.
#pragma once
#include <cstdint>

namespace hadal::cache {

class ReadingRate {
 public:
  static constexpr double kExpected = 3e8;  // bytes a second
  static constexpr double kSecondsPerFile = 1e-4;
  static constexpr std::uint64_t kFirstRest = 32, kLongestRest = 4096;  // states passed over

  double Seconds(std::uint64_t bytes, std::uint64_t files) const;
  void Read(std::uint64_t bytes, std::uint64_t files, double seconds);
  void PassedOver();

 private:
  double bytes_per_second_ = kExpected;
  bool measured_ = false;
  std::uint64_t passed_ = 0, rest_ = kFirstRest;
};

}  // namespace hadal::cache
