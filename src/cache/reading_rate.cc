#include "cache/reading_rate.h"

#include <algorithm>

namespace hadal::cache {
namespace {

constexpr double kNewest = 0.3;  // weight of a measurement in the average

}  // namespace

double ReadingRate::Seconds(std::uint64_t bytes, std::uint64_t files) const {
  return static_cast<double>(bytes) / bytes_per_second_ +
         kSecondsPerFile * static_cast<double>(files);
}

void ReadingRate::Read(std::uint64_t bytes, std::uint64_t files, double seconds) {
  const double in_files = kSecondsPerFile * static_cast<double>(files);
  const double of_bytes = std::max({seconds - in_files, seconds / 4, 1e-9});
  const double rate = static_cast<double>(bytes) / of_bytes;
  bytes_per_second_ = measured_ ? (1 - kNewest) * bytes_per_second_ + kNewest * rate : rate;
  measured_ = true;
  passed_ = 0;
  if (rate >= kExpected) rest_ = kFirstRest;
}

void ReadingRate::PassedOver() {
  if (++passed_ < rest_ || bytes_per_second_ >= kExpected) return;
  bytes_per_second_ = kExpected;
  measured_ = false;
  passed_ = 0;
  rest_ = std::min(2 * rest_, kLongestRest);
}

}  // namespace hadal::cache
