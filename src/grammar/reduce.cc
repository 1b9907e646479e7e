#include "grammar/reduce.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace hadal::grammar {
namespace {

constexpr std::size_t kWorkPerState = 20;

// Which rules can match the empty text, and whether one can call itself before it reads anything.
class EmptyPaths {
 public:
  explicit EmptyPaths(const Grammar& grammar)
      : grammar_(grammar), empty_(grammar.rules.size()), entered_(grammar.rules.size()) {
    for (bool more = true; more;) {
      more = false;
      for (std::size_t rule = 0; rule < empty_.size(); ++rule) {
        if (empty_[rule] || !ReachesEnd(grammar_.rules[rule])) continue;
        empty_[rule] = more = true;
      }
    }
  }
  bool Loops() {
    for (std::size_t rule = 0; rule < empty_.size(); ++rule)
      if (Enter(static_cast<std::uint32_t>(rule))) return true;
    return false;
  }

 private:
  // The states that can be reached from one without reading, calls of empty rules stepped over.
  std::vector<std::uint32_t> WithoutReading(std::uint32_t state) const {
    std::vector<std::uint32_t> found = {state};
    for (std::size_t i = 0; i < found.size(); ++i)
      for (const Call& call : grammar_.states[found[i]].calls)
        if (empty_[call.rule] && std::ranges::find(found, call.next) == found.end())
          found.push_back(call.next);
    return found;
  }
  bool ReachesEnd(std::uint32_t state) const {
    return std::ranges::any_of(WithoutReading(state),
                               [&](std::uint32_t s) { return grammar_.states[s].end; });
  }
  bool Enter(std::uint32_t rule) {
    if (entered_[rule] != 0) return entered_[rule] == 1;  // on the way: a loop; done: none
    entered_[rule] = 1;
    for (const std::uint32_t state : WithoutReading(grammar_.rules[rule]))
      for (const Call& call : grammar_.states[state].calls)
        if (Enter(call.rule)) return true;
    entered_[rule] = 2;
    return false;
  }

  const Grammar& grammar_;
  std::vector<bool> empty_;
  std::vector<int> entered_;
};

// A set of states of one rule that become one.
using Set = std::vector<std::uint32_t>;

class Subsets {
 public:
  Subsets(const Grammar& grammar, std::size_t max_states)
      : from_(grammar), max_states_(max_states), work_left_(kWorkPerState * max_states) {}

  Result<Grammar> Run() && {
    for (const std::uint32_t start : from_.rules) out_.rules.push_back(Number({start}));
    for (std::size_t i = 0; i < sets_.size(); ++i) {
      Make(static_cast<std::uint32_t>(i));
      if (sets_.size() > max_states_ || work_left_ == 0)
        return Fail(Code::kExhausted, "needs more than {} states", max_states_);
    }
    out_.character = from_.character;
    return std::move(out_);
  }

 private:
  std::uint32_t Number(Set set) {
    std::ranges::sort(set);
    set.erase(std::unique(set.begin(), set.end()), set.end());
    const auto [entry, added] =
        numbers_.emplace(std::move(set), static_cast<std::uint32_t>(sets_.size()));
    if (added) sets_.push_back(&entry->first);
    Spend(entry->first.size());
    return entry->second;
  }
  void Spend(std::size_t work) { work_left_ -= std::min(work_left_, work); }

  void Make(std::uint32_t number) {
    State state;
    std::vector<Edge> edges;
    std::map<std::uint32_t, Set> called;
    for (const std::uint32_t s : *sets_[number]) {
      const State& old = from_.states[s];
      state.end = state.end || old.end;
      edges.insert(edges.end(), old.edges.begin(), old.edges.end());
      for (const Call& call : old.calls) called[call.rule].push_back(call.next);
    }
    Spend(edges.size());
    for (auto& [rule, next] : called) state.calls.push_back({rule, Number(std::move(next))});
    state.edges = Apart(edges);
    out_.states.push_back(std::move(state));
  }

  // The same edges without overlaps, in order, neighbours that lead to one state joined.
  std::vector<Edge> Apart(const std::vector<Edge>& edges) {
    std::vector<int> cuts;
    for (const Edge& edge : edges) {
      cuts.push_back(edge.lo);
      cuts.push_back(edge.hi + 1);
    }
    std::ranges::sort(cuts);
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    std::vector<Edge> apart;
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
      Set next;
      for (const Edge& edge : edges)
        if (edge.lo <= cuts[i] && cuts[i] <= edge.hi) next.push_back(edge.next);
      if (next.empty()) continue;
      const Edge edge{static_cast<std::uint8_t>(cuts[i]),
                      static_cast<std::uint8_t>(cuts[i + 1] - 1), Number(std::move(next))};
      if (!apart.empty() && apart.back().hi + 1 == edge.lo && apart.back().next == edge.next)
        apart.back().hi = edge.hi;
      else
        apart.push_back(edge);
    }
    return apart;
  }

  const Grammar& from_;
  const std::size_t max_states_;
  std::size_t work_left_;
  std::map<Set, std::uint32_t> numbers_;
  std::vector<const Set*> sets_;
  Grammar out_;
};

}  // namespace

void RemoveDeadEnds(Grammar* grammar) {
  std::vector<bool> lives(grammar->states.size());
  const auto rule_lives = [&](std::uint32_t rule) { return lives[grammar->rules[rule]]; };
  const auto leads_on = [&](const State& state) {
    return state.end ||
           std::ranges::any_of(state.edges, [&](const Edge& e) { return lives[e.next]; }) ||
           std::ranges::any_of(state.calls,
                               [&](const Call& c) { return lives[c.next] && rule_lives(c.rule); });
  };
  for (bool more = true; more;) {
    more = false;
    for (std::size_t s = lives.size(); s-- > 0;)
      if (!lives[s] && leads_on(grammar->states[s])) lives[s] = more = true;
  }
  for (State& state : grammar->states) {
    std::erase_if(state.edges, [&](const Edge& e) { return !lives[e.next]; });
    std::erase_if(state.calls,
                  [&](const Call& c) { return !lives[c.next] || !rule_lives(c.rule); });
  }
}

bool RefersToItself(const Grammar& grammar) { return EmptyPaths(grammar).Loops(); }

Result<Grammar> Determinise(const Grammar& grammar, std::size_t max_states) {
  return Subsets(grammar, max_states).Run();
}

void CountRuns(Grammar* grammar) {
  if (!grammar->character) return;
  const auto next_of = [&](std::uint32_t state) -> std::optional<std::uint32_t> {
    for (const Call& call : grammar->states[state].calls)
      if (call.rule == *grammar->character) return call.next;
    return std::nullopt;
  };
  // A state has at most one such call: runs are chains that end, or come back to themselves.
  std::vector<bool> known(grammar->states.size());
  for (std::uint32_t s = 0; s < grammar->states.size(); ++s) {
    std::vector<std::uint32_t> chain;
    std::optional<std::uint32_t> at = s;
    for (; at && !known[*at]; at = next_of(*at)) {
      known[*at] = true;
      grammar->states[*at].run = kEndlessRun;  // stands if the chain comes back here
      chain.push_back(*at);
    }
    std::uint32_t run = at ? grammar->states[*at].run : 0;
    for (std::size_t i = chain.size(); i-- > 0;) {
      const bool calls = at || i + 1 < chain.size();
      if (calls && run < kEndlessRun) ++run;
      grammar->states[chain[i]].run = run;
    }
  }
}

}  // namespace hadal::grammar
