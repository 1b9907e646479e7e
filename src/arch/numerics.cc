#include "arch/numerics.h"

namespace hadal::arch {

std::optional<Numerics> Numerics::FromName(std::string_view name) {
  if (name == "stored") return Stored();
  if (name == "f32") return F32();
  if (name == "f32q") return F32q();
  if (name == "bf16") return Bf16();
  return std::nullopt;
}

}  // namespace hadal::arch
