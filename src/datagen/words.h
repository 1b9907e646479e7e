// Words to fill templates with. Ordinary words serve both halves; what names somebody or some place
// belongs to one (half.h).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "datagen/grammar.h"
#include "datagen/half.h"

namespace hadal::datagen {

enum class Words {
  kAnimals,
  kThings,  // that one can carry
  kFoods,   // more than one, or an amount
  kColours,
  kAdjectives,  // of things
  kFeelings,
  kTrades,     // of people: "baker"
  kRelatives,  // men's and women's by turns
  kMaterials,
  kWeather,  // "rainy day"
  kPlants,
  kWeekdays,
  kSounds,
  kShort,  // frequent ones: a token each in most vocabularies
};

const std::vector<std::string>& WordsOf(Words kind);
const std::string& AnyWord(Words kind, Random* random);
// One of the parts that `between` divides a text into.
std::string_view AnyPart(std::string_view text, char between, Random* random);
// `count` different ones, or all.
std::vector<std::string> SomeWords(Words kind, std::size_t count, Random* random);

// First names: known ones, and as many invented.
Noun PersonName(Half half, Random* random);
// Towns and villages: "Oldbridge", "Tamwell".
std::string TownName(Half half, Random* random);
// Out of doors, with its article: "the old mill".
std::string PlaceName(Half half, Random* random);
// A word that means nothing: what can only be copied.
std::string InventedWord(Half half, Random* random);
Noun Relative(Random* random);
std::string NumberWord(std::size_t number);  // "seven"; digits above twelve

}  // namespace hadal::datagen
