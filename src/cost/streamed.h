// What a pass costs by when the experts of its layers are known: who reads them from disk can do so
// while computing where they are known ahead, and has to wait for them elsewhere.
//
//   by token   layers that route by the token's id: known before the pass begins
//   by score   the other layers: known when the layer's router has run, two sub-layers before at
//              best, as a guess (model/guess.h)
//   outside    embedding, head: no layer's
//
//   seconds of decoding  = sum of all - hidden
//   hidden               = min(disk.by_token, rest.by_token)
//                          + min(guessed * disk.by_score, rest.by_score)
//   seconds of a prompt  = max(disk, rest): a chunk wants nearly every expert of every layer
//
// So with no guesses the seconds of decoding are the larger of disk and rest where reads are known
// ahead and their sum elsewhere. Pure arithmetic; of any unit.
#pragma once
#include <cstdint>

#include "cost/cost_model.h"

namespace hadal::cost {

struct ByRouting {
  double by_token = 0, by_score = 0, outside = 0;
  double sum() const { return by_token + by_score + outside; }
  ByRouting& operator+=(const ByRouting& other);
};
ByRouting operator*(const ByRouting& parts, double times);

// Of what a group costs; they add up to 1.
ByRouting SharesOf(const WeightGroup& group);
ByRouting SharesOf(const KvGroup& group);

// PassBytes (cost/cost_model.h), and of those the experts' alone.
ByRouting PassBytesByRouting(const CostModel& model, std::uint64_t tokens, double rows);
ByRouting ExpertBytesByRouting(const CostModel& model, double rows);

// `guessed`: the share of what layers that route by score want that is right to be read ahead.
double HiddenSeconds(const ByRouting& disk, const ByRouting& rest, double guessed = 0);

}  // namespace hadal::cost
