// Rotary positions with YaRN, as the official code tabulates them: in float32 throughout.
//
//   f_i = base^(-2i/rd);  with YaRN: f_i = f_i/factor * ramp_i + f_i * (1 - ramp_i)
//   (x[2i], x[2i+1]) times exp(+-j * pos * f_i), over the last rd channels of a row
#pragma once
#include "reference/rules.h"
#include "reference/weights.h"

namespace hadal::reference {

class Rope {
 public:
  // compressed: the table of layers with a compress ratio.
  Rope(const Config& config, const Rules& rules, bool compressed);
  // In place on a head of `channels`; back: by the conjugate.
  void Rotate(double* head, std::size_t channels, std::size_t position, bool back,
              const Rounding& round) const;
  Row Rotate(Row row, std::size_t position, const Rounding& round) const;

 private:
  std::vector<float> frequencies_;
  bool interleaved_, last_;
};

}  // namespace hadal::reference
