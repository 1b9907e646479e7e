// Where the weights of routed experts come from while a pass needs them: where the file is mapped,
// or a memory that holds some of them.
//
//   source.Announce(layer, experts);                            // a hint, as early as known
//   HADAL_TRY(auto held, source.Acquire(layer, wanted, stop));  // waits for one, gives all
//   ... compute with held ...
//   source.Release(layer, held);                                // and ask for the others
//
// Results do not depend on which come first (model/moe.h). One thread calls. Layers are numbered as
// in the state: the MTP block is num_hidden_layers.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "model/weights.h"

namespace hadal::model {

struct HeldExpert {
  std::uint32_t expert;
  Expert weights;  // views, valid until the release
};

// Whether a pass is to be given up. Empty: it is not.
using Stop = std::function<bool()>;

class ExpertSource {
 public:
  virtual ~ExpertSource() = default;
  // These will be asked for, in any order. Some may be announced and never acquired.
  virtual void Announce(std::size_t layer, std::span<const std::uint32_t> experts) = 0;
  // At least one of `wanted`, which is not empty and holds no expert twice, and all others of it
  // that need no waiting. kIo: one cannot be had; kCancelled: `stop`, which is asked every
  // kAskStop while it waits, was true. Nothing is held then.
  static constexpr std::chrono::milliseconds kAskStop{20};
  virtual Result<std::vector<HeldExpert>> Acquire(std::size_t layer,
                                                  std::span<const std::uint32_t> wanted,
                                                  const Stop& stop) = 0;
  // Throws nothing: what an exception leaves is given back too.
  virtual void Release(std::size_t layer, std::span<const HeldExpert> experts) noexcept = 0;
  // What a layer that comes later may ask for. It orders reads, never results.
  virtual void Guess(std::size_t layer, std::span<const std::uint32_t> experts);
  virtual bool WantsGuesses() const { return false; }
};

// The model's own, where the checkpoint is mapped: always ready.
class MappedExperts final : public ExpertSource {
 public:
  explicit MappedExperts(const Model& model) : model_(model) {}
  void Announce(std::size_t, std::span<const std::uint32_t>) override {}
  Result<std::vector<HeldExpert>> Acquire(std::size_t layer, std::span<const std::uint32_t> wanted,
                                          const Stop& stop) override;
  void Release(std::size_t, std::span<const HeldExpert>) noexcept override {}

 private:
  const Model& model_;
};

}  // namespace hadal::model
