// Routed experts applied to rows: rows in, rows out. Here, or, since nothing else crosses this
// line, where the experts are.
//
//   y[s] = w2 (silu(min(w1 x, limit)) * clamp(w3 x, +-limit) * weight[s])
//
// x is row[s] of the batch. V3.2 has no limit, and its weight[s] multiplies what w2 gives. A slot
// is one choice of one row. What a slot's result is depends on its row, its expert and its weight
// alone; the order of a row's sum is the caller's (model/moe.cc).
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "model/expert_source.h"
#include "model/linear.h"
#include "model/pass.h"
#include "model/weights.h"

namespace hadal::model {

struct ExpertSlots {  // of one expert, neighbours
  std::uint32_t expert;
  std::size_t first, count;
};

struct ExpertWork {
  std::size_t layer;
  const Moe& moe;                        // formats and shapes; not for its experts' codes
  const LinearInput& x;                  // [rows, dim], in the forms that w1 and w3 take
  std::span<const std::uint32_t> row;    // [slots]
  std::span<const float> weight;         // [slots]
  std::span<const ExpertSlots> experts;  // all slots, experts ascending
};

class ExpertRunner {
 public:
  virtual ~ExpertRunner() = default;
  // The experts that the layer's next work will name.
  virtual void Announce(std::size_t layer, std::span<const std::uint32_t> experts) = 0;
  // y [slots, dim]: every element written, unless it fails. kIo as ExpertSource::Acquire.
  virtual Status Run(const Context& context, const ExpertWork& work, View2<float> y,
                     Arena& arena) = 0;
  // As ExpertSource's.
  virtual void Guess(std::size_t layer, std::span<const std::uint32_t> experts);
  virtual bool WantsGuesses() const { return false; }
};

// On this machine's threads, with the source's weights in whatever order they become ready.
class LocalExpertRunner final : public ExpertRunner {
 public:
  explicit LocalExpertRunner(ExpertSource& source) : source_(source) {}
  void Announce(std::size_t layer, std::span<const std::uint32_t> experts) override;
  Status Run(const Context& context, const ExpertWork& work, View2<float> y, Arena& arena) override;
  void Guess(std::size_t layer, std::span<const std::uint32_t> experts) override;
  bool WantsGuesses() const override { return source_.WantsGuesses(); }
  // Of the arena, for so many slots at most.
  static std::size_t Bytes(const arch::Config& config, std::size_t slots);

 private:
  ExpertSource& source_;
};

// swiglu(gate, up) in place of gate, rounded; weights empty: 1.
void Activate(const Context& context, View2<const float> up, std::span<const float> weights,
              View2<float> gate);

}  // namespace hadal::model
