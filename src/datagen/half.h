// Which half of the generator's words and templates a document is made of.
//
// What is measured must not have been learnt by heart: the held-out half has its own names,
// places, plots, questions, tools and schemas. A list says nothing of halves; an item's place in it
// decides, so that nobody chooses what is easy.
#pragma once
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/random.h"

namespace hadal::datagen {

enum class Half { kTraining, kHeldOut };

// As options spell them: "training", "heldout".
constexpr Half HalfNamed(std::string_view name) {
  return name == "heldout" ? Half::kHeldOut : Half::kTraining;
}

// Every fifth item of a list is held out.
constexpr bool BelongsTo(Half half, std::size_t index) {
  return (index % 5 == 4) == (half == Half::kHeldOut);
}

// Words without a list, such as invented names, go by their letters.
inline bool BelongsTo(Half half, std::string_view word) {
  std::uint64_t hash = 0;
  for (const char c : word) hash = MixBits(hash * 31 + static_cast<unsigned char>(c));
  return BelongsTo(half, static_cast<std::size_t>(hash % 5));
}

// The items of `list` that belong to a half; at least five are needed for both to have one.
template <class List>
auto ItemsOf(Half half, const List& list) {
  using Item = std::remove_cvref_t<decltype(*std::begin(list))>;
  std::vector<Item> items;
  std::size_t index = 0;
  for (const Item& item : list)
    if (BelongsTo(half, index++)) items.push_back(item);
  HADAL_CHECK(!items.empty());
  return items;
}

// One of the list's items: a reference into a list that stays, a copy out of a temporary one.
template <class List>
decltype(auto) AnyOf(List&& list, Random* random) {
  using Item = std::remove_cvref_t<decltype(list[0])>;
  using Found = std::conditional_t<std::is_lvalue_reference_v<List>, const Item&, Item>;
  return static_cast<Found>(list[random->Below(std::size(list))]);
}

template <class T>
void Shuffle(std::vector<T>* items, Random* random) {
  for (std::size_t i = items->size(); i > 1; --i)
    std::swap((*items)[i - 1], (*items)[random->Below(i)]);
}

}  // namespace hadal::datagen
