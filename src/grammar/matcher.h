// Follows a text through a grammar byte by byte, and tells which bytes or tokens may come next.
//
// A place in the text is a set of positions, each a state and a stack of states to return to. Sets
// are numbered as they are met, and moves between them kept, so that a set's byte costs one look-up
// the second time. What is kept is bounded: beyond max_places everything is forgotten and met anew.
// So is what one mask may take: a place of more than kMostPositions positions is dead, and a walk
// over the tokens ends when it has met kMostMet positions and eighths of places; what it has not
// come to is not allowed. Both depend on the text alone, and only languages that can be read in
// many ways at once (a schema of alternatives that begin alike, in itself, in itself) come near.
//
//   Matcher matcher(grammar);
//   Place place = matcher.Start();
//   place = matcher.Step(place, "{\"a\"");   // kDead: no text of the grammar goes on like this
//   matcher.MayEnd(place);
//
// Of one grammar, for one thread. Places are good until something is forgotten, which Trim alone
// does; a Walker knows its text and finds its place again.
// Source: the simulation of pushdown automata by sets with shared stacks (Tomita); tokens by a walk
// over their prefix tree as in XGrammar (arXiv 2411.15100).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "grammar/grammar.h"
#include "grammar/token_trie.h"

namespace hadal::grammar {

using Place = std::uint32_t;
inline constexpr Place kDead = 0;
inline constexpr std::size_t kMostPositions = 4000, kMostMet = 500'000;

class Matcher {
 public:
  // The grammar outlives this.
  explicit Matcher(const Grammar& grammar, std::size_t max_places = 50'000);

  Place Start();
  Place Step(Place place, std::uint8_t byte);
  Place Step(Place place, std::string_view bytes);
  bool MayEnd(Place place) const { return places_[place].may_end; }

  // allowed[t / 64] bit t % 64: token t's bytes may come next, all of them. Empty tokens may not.
  // `allowed` becomes trie.mask_words() words.
  void Allowed(Place place, const TokenTrie& trie, std::vector<std::uint64_t>* allowed);

  void Trim();  // forgets, if there are more than max_places
  std::size_t places() const { return places_.size(); }
  std::size_t bytes() const;  // of what is kept, about
  std::uint64_t forgets() const { return forgets_; }

 private:
  // A stack is numbered: 0 is empty, others have a state to return to and what lies below.
  using Stack = std::uint32_t;
  using Position = std::pair<Stack, std::uint32_t>;  // and a state
  struct Known {
    std::vector<Position> positions;  // sorted; those with edges alone, and a mark for the end
    bool may_end = false;
    std::uint64_t walk = 0;       // the last one that came by
    std::array<Place, 256> next;  // kUnknown: not asked for yet
  };
  static constexpr Place kUnknown = ~Place{0};

  Stack Push(Stack below, std::uint32_t state);
  // Everything that can be reached without reading: calls entered, ended rules left.
  Place Enter(std::vector<Position> positions);
  // So many characters of a JSON string may follow, any plain ones.
  std::uint32_t Run(Place place) const;
  void Forget();

  const Grammar& grammar_;
  std::size_t max_places_;
  std::vector<Known> places_;
  std::map<std::pair<std::vector<Position>, bool>, Place> numbers_;
  std::vector<std::pair<Stack, std::uint32_t>> stacks_;  // below, and the state to return to
  std::map<std::pair<Stack, std::uint32_t>, Stack> stack_numbers_;
  std::size_t kept_ = 0;  // positions and stacks
  std::uint64_t forgets_ = 0, walks_ = 0;
};

// One text on its way through a grammar; several may share a matcher.
class Walker {
 public:
  explicit Walker(Matcher& matcher);
  // false: no text of the grammar goes on like this; nothing is taken then.
  bool Push(std::string_view bytes);
  bool may_end() { return matcher_.MayEnd(place()); }
  Place place();

 private:
  Matcher& matcher_;
  std::string text_;
  std::uint64_t forgets_ = 0;
  Place place_ = kDead;
};

}  // namespace hadal::grammar
