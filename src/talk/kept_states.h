// States of earlier prompts and answers of a conversation, from which the next prompt goes on, so
// that it reads only what is new.
//
// A prompt can leave what was answered (old reasoning is dropped from it, an answer is taken back),
// so the states in front of the last answers are kept beside the last one. They share pages; each
// costs a fixed block.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "cache/sequence.h"

namespace hadal::talk {

class KeptStates {
 public:
  static constexpr std::size_t kMost = 4;

  // `tokens`: what the state has processed is their beginning. The oldest one goes if there are
  // kMost.
  void Keep(std::span<const std::int32_t> tokens, cache::Sequence state);
  // The state that has processed most of the prompt's beginning, never all of it; a fork of one
  // that is kept. None: nothing of it. kExhausted.
  Result<std::optional<cache::Sequence>> Take(std::span<const std::int32_t> prompt) const;
  bool DropOldest();  // false: there is none
  void Clear() { kept_.clear(); }

 private:
  struct Kept {
    std::vector<std::int32_t> tokens;  // that the state has processed
    cache::Sequence state;
  };
  // How many of the prompt's first tokens the state can stand for.
  static std::size_t Usable(const Kept& kept, std::span<const std::int32_t> prompt);

  std::vector<Kept> kept_;  // the newest last
};

}  // namespace hadal::talk
