#include "grammar/matcher.h"

#include <algorithm>
#include <set>
#include <span>
#include <utility>

namespace hadal::grammar {
namespace {

constexpr std::size_t kKeptPerPlace = 20;      // positions and stacks, on average
constexpr std::size_t kPositionsPerPlace = 8;  // what a place costs besides its own
// A node of a map, with what an allocator rounds up.
constexpr std::size_t kNodeBytes = 96;

}  // namespace

Matcher::Matcher(const Grammar& grammar, std::size_t max_places)
    : grammar_(grammar), max_places_(max_places) {
  Forget();
  forgets_ = 0;
}

void Matcher::Forget() {
  ++forgets_;
  places_.assign(1, {});
  places_[kDead].next.fill(kDead);
  numbers_ = {{{{}, false}, kDead}};
  stacks_.assign(1, {});
  stack_numbers_.clear();
  kept_ = 0;
}

Matcher::Stack Matcher::Push(Stack below, std::uint32_t state) {
  // A rule called at the very end of another returns where that one would.
  const State& back = grammar_.states[state];
  if (back.end && back.edges.empty() && back.calls.empty()) return below;
  const auto [entry, added] =
      stack_numbers_.emplace(std::pair(below, state), static_cast<Stack>(stacks_.size()));
  if (added) stacks_.push_back({below, state});
  kept_ += added ? 1 : 0;
  return entry->second;
}

void Matcher::Trim() {
  if (places_.size() > max_places_ || kept_ > kKeptPerPlace * max_places_) Forget();
}

std::size_t Matcher::bytes() const {
  return places_.capacity() * sizeof(Known) + places_.size() * kNodeBytes + kept_ * kNodeBytes;
}

Place Matcher::Start() { return Enter({{0, grammar_.rules[0]}}); }

Place Matcher::Enter(std::vector<Position> positions) {
  std::set<Position> met(positions.begin(), positions.end());
  bool may_end = false;
  const auto meet = [&](Position position) {
    if (met.insert(position).second) positions.push_back(position);
  };
  for (std::size_t i = 0; i < positions.size(); ++i) {
    if (i == kMostPositions) return kDead;
    const auto [stack, number] = positions[i];
    const State& state = grammar_.states[number];
    for (const Call& call : state.calls) meet({Push(stack, call.next), grammar_.rules[call.rule]});
    if (!state.end) continue;
    if (stack == 0)
      may_end = true;
    else
      meet(stacks_[stack]);
  }
  std::vector<Position> reading;
  for (const Position& position : met)
    if (!grammar_.states[position.second].edges.empty()) reading.push_back(position);
  const auto [entry, added] =
      numbers_.emplace(std::pair(reading, may_end), static_cast<Place>(places_.size()));
  if (added) {
    kept_ += reading.size();
    places_.push_back({std::move(reading), may_end, 0, {}});
    places_.back().next.fill(kUnknown);
  }
  return entry->second;
}

Place Matcher::Step(Place place, std::uint8_t byte) {
  const Place known = places_[place].next[byte];
  if (known != kUnknown) return known;
  std::vector<Position> positions;
  for (const auto& [stack, number] : places_[place].positions)
    for (const Edge& edge : grammar_.states[number].edges)
      if (edge.lo <= byte && byte <= edge.hi) positions.push_back({stack, edge.next});
  std::ranges::sort(positions);
  positions.erase(std::unique(positions.begin(), positions.end()), positions.end());
  const Place next = positions.empty() ? kDead : Enter(std::move(positions));
  places_[place].next[byte] = next;
  return next;
}

Place Matcher::Step(Place place, std::string_view bytes) {
  for (const char c : bytes) {
    if (place == kDead) break;
    place = Step(place, static_cast<std::uint8_t>(c));
  }
  return place;
}

std::uint32_t Matcher::Run(Place place) const {
  if (!grammar_.character) return 0;
  std::uint32_t longest = 0;
  for (const auto& [stack, state] : places_[place].positions) {
    if (state != grammar_.rules[*grammar_.character]) continue;
    const std::uint32_t more = stack == 0 ? 0 : grammar_.states[stacks_[stack].second].run;
    longest = std::max(longest, std::min(more, kEndlessRun - 1) + 1);
  }
  return longest;
}

void Matcher::Allowed(Place place, const TokenTrie& trie, std::vector<std::uint64_t>* allowed) {
  const std::uint32_t run = Run(place);
  const std::span<const std::uint64_t> plain = trie.Plain(run);
  allowed->assign(plain.begin(), plain.end());
  ++walks_;
  std::size_t left = kMostMet;
  // Depth first over nodes in their order: what a dead byte begins is skipped whole, and so is what
  // is in already.
  std::vector<Place> at_depth(trie.depth() + 1, kDead);
  at_depth[0] = place;
  const auto& nodes = trie.nodes();
  for (std::size_t i = 1; i < nodes.size();) {
    const TokenTrie::Node& node = nodes[i];
    if (node.plain <= run) {
      i = node.behind;
      continue;
    }
    const Place next = Step(at_depth[node.depth - 1], node.byte);
    if (next == kDead) {
      i = node.behind;
      continue;
    }
    if (std::exchange(places_[next].walk, walks_) != walks_) {
      const std::size_t met = places_[next].positions.size() + kPositionsPerPlace;
      if (met > left) return;
      left -= met;
    }
    at_depth[node.depth] = next;
    for (const std::uint32_t token : trie.TokensOf(node))
      (*allowed)[token / 64] |= std::uint64_t{1} << token % 64;
    ++i;
  }
}

Walker::Walker(Matcher& matcher) : matcher_(matcher), forgets_(matcher.forgets()) {
  place_ = matcher_.Start();
}

Place Walker::place() {
  matcher_.Trim();
  if (forgets_ != matcher_.forgets()) {
    place_ = matcher_.Step(matcher_.Start(), text_);
    forgets_ = matcher_.forgets();
  }
  return place_;
}

bool Walker::Push(std::string_view bytes) {
  const Place next = matcher_.Step(place(), bytes);
  if (next == kDead) return false;
  place_ = next;
  text_ += bytes;
  return true;
}

}  // namespace hadal::grammar
