// What a model can do of what hadal data teaches, measured on the half that training never sees:
// other names, plots, tools and schemas, asked for in other words. Beside it, the same tasks of the
// training half tell what was not learnt from what does not carry over.
//
// Answers are drawn greedily, without any constraint, and judged by what they must hold:
//   tools: call      one call, of the right tool, with just the right arguments
//   tools: valid     one call, of a tool on offer, with arguments that its schema allows
//   tools: none      no call, where no tool fits
//   tools: later     as "call", in the third request of a conversation
//   text: known      the answer names what the text says
//   text: unknown    the answer admits that the text does not say it
//   talk: memory     the answer names what the user said some turns ago
//   talk: unknown    the answer admits that nobody can know it from the conversation
//   lists            word for word
//   story: topic, names, flows, all    story_judge.h
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "datagen/half.h"
#include "engine/model_files.h"

namespace hadal::eval {

struct AbilityOptions {
  std::size_t trials = 50;  // of each kind
  std::uint64_t seed = 1;
  datagen::Half half = datagen::Half::kHeldOut;
  std::size_t answer_tokens = 200;  // an answer is cut behind so many; a story behind thrice that
  const std::atomic<bool>* cancel = nullptr;
};

struct Ability {
  std::string name;
  std::size_t trials = 0, right = 0;
};
struct Miss {
  std::vector<std::string> abilities;  // that the answer did not show
  std::string prompt;                  // all that the model read
  std::string asked;                   // its last turn
  std::string answered;                // as the model wrote it, markers and all
};
struct MeasuredAbilities {
  std::vector<Ability> abilities;
  std::vector<Miss> misses;
};

// kInvalid: the tokenizer lacks a control token of the chat format. kCancelled.
Result<MeasuredAbilities> MeasureAbilities(
    const engine::ModelFiles& files, Threads& threads, const AbilityOptions& options,
    const std::function<void(std::size_t done, std::size_t total)>& on_progress);

// Whether an answer says that something is not known.
bool AdmitsIgnorance(const std::string& answer);

}  // namespace hadal::eval
