#include "model/observer.h"

namespace hadal::model {

void Observer::Streams(std::size_t, View2<const float>) {}
void Observer::Routed(std::size_t, View2<const std::uint32_t>, View2<const float>) {}
void Observer::NotFinite(std::size_t, std::size_t) {}
void Observer::Selected(std::size_t, std::size_t, std::span<const std::uint32_t>) {}

}  // namespace hadal::model
