#include "datagen/words.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <sstream>
#include <string_view>

namespace hadal::datagen {
namespace {

// In the order of Words; words that hold a space are written with "_".
constexpr std::array<const char*, 14> kLists = {
    "fox rabbit dog cat bear mouse owl horse hedgehog squirrel frog goat duck goose sheep cow pig "
    "hen pony badger mole otter deer wolf crow robin swan turtle snail bee donkey lamb kitten "
    "puppy "
    "sparrow beaver parrot camel lion monkey elephant whale seal crab spider moth ant pigeon raven "
    "hare calf",
    "lantern key basket drum kite whistle button ribbon spoon candle map book bell hat ring "
    "blanket "
    "boat cup hammer comb coin purse mirror rope ladder bucket brush needle flute box shell stone "
    "feather pillow umbrella clock teapot broom saddle marble scarf glove boot bottle compass "
    "toy_train wooden_horse doll paintbrush locket jar shovel fiddle bracelet cap plate "
    "pocket_knife "
    "walking_stick magnet letter",
    "bread soup apples honey cheese plums porridge cake berries nuts pears milk carrots butter jam "
    "cherries pancakes potatoes beans biscuits peas eggs mushrooms stew grapes pie rice figs "
    "onions "
    "turnips dumplings oranges raisins melons walnuts",
    "red blue green yellow white black brown grey purple orange pink golden silver crimson violet",
    "small old heavy shiny round broken wooden tiny soft strange plain striped dusty warm cracked "
    "little crooked smooth painted hollow long bright rusty thin narrow polished faded pointed "
    "square curly",
    "happy sad tired proud angry worried hungry curious lonely surprised afraid cheerful calm "
    "jealous "
    "sleepy bored thankful nervous excited shy",
    "baker farmer miller tailor fisherman teacher shepherd carpenter blacksmith gardener sailor "
    "weaver potter doctor hunter cook postman painter builder cobbler beekeeper clockmaker "
    "shopkeeper ferryman woodcutter librarian candlemaker musician tinker mason",
    "mother father grandmother grandfather godmother godfather",
    "wood iron glass clay copper paper leather wool straw silk brass stone tin bone wax",
    "rainy_day sunny_day windy_day cold_day foggy_day warm_day snowy_day stormy_day grey_day "
    "quiet_day hot_day bright_day",
    "rose oak apple_tree daisy willow pine tulip cherry_tree lily ivy sunflower beech thistle elm "
    "fern "
    "poppy maple bluebell hazel clover",
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "bang whisper knock splash creak song crack bark hum cry rumble whistle laugh squeak thump",
    "water mother door princess father people girl house castle king queen son prince world boy "
    "horse gold heart fire sun end face side room ground brother child giant sea dog voice maiden "
    "husband forest bed cat air name rose country head table light land silver earth fish sight "
    "hill death food garden master sleep stone bird sword hair troll lady bear wind foot monkey "
    "word joy window body shore bride road boat grass wolf family mouth moon year fellow sound "
    "ring town trouble church lake sky distance river spring village gate ball neck wine summer "
    "fortune blood music company sheep kitchen city winter kingdom court age iron dinner dress "
    "arm supper beauty rock stable hour box cook bull eye field ship noise path tail milk island "
    "reason person creature dragon fox edge leg cross farmer roof war tower bridge bread flower "
    "doctor lion mouse evening morning money story party letter paper book lamp cloud rain snow "
    "storm wood wall floor tree",
};

constexpr const char* kPlaces =
    "the_river the_old_mill the_forest the_market the_garden the_hill the_pond the_bridge the_barn "
    "the_beach the_meadow the_well the_orchard the_road the_lake the_cave the_harbour the_school "
    "the_field the_churchyard the_stream the_village_square the_stable the_big_oak_tree "
    "the_lighthouse the_station the_castle the_stone_wall the_waterfall the_bakery";

constexpr const char* kBoys =
    "Tom Ben Jack Peter Sam Will Harry Max Leo Oscar Hugo Adam Noah Finn Paul Luke Martin Simon "
    "Felix "
    "Anton Robin Jonas Theo Emil Victor Daniel Oliver Henry George Arthur Rufus Edgar Walter Hans "
    "Karl Nico Ivan Omar Tariq Ravi Kofi Juan Marco Pablo Luca";
constexpr const char* kGirls =
    "Anna Lily Mia Rose Clara Emma Lucy Ella Nora Grace Ruth Alice Sara Maria Eva Ida Greta Molly "
    "Hannah Julia Sophie Amy Jane Kate Mary Susan Helen Edith Martha Nina Olga Vera Paula Tilda "
    "Frieda Lena Amina Leila Priya Meera Yara Rosa Carmen Lucia Bianca";

std::vector<std::string> SplitWords(const char* text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) {
    for (char& c : word)
      if (c == '_') c = ' ';
    words.push_back(word);
  }
  return words;
}

struct HalvedList {
  explicit HalvedList(const char* text)
      : training(ItemsOf(Half::kTraining, SplitWords(text))),
        heldout(ItemsOf(Half::kHeldOut, SplitWords(text))) {}
  const std::vector<std::string>& Of(Half half) const {
    return half == Half::kTraining ? training : heldout;
  }
  std::vector<std::string> training, heldout;
};

std::string Syllables(std::initializer_list<const char*> parts, Random* random) {
  std::string word;
  for (const char* part : parts) word += AnyPart(part, ' ', random);
  return word;
}

constexpr const char* kOnsets =
    "b d f g h j k l m n p r s t v w z br dr fl gr kr pl st tr sh th ch qu sl";
constexpr const char* kVowels = "a e i o u a e i o ai ee oo ou";
constexpr const char* kEnds = "n l r m s k t nd rt lm st x ck ng sh";

// Draws until one belongs to the half: about five times for a held-out one.
template <class Draw>
std::string OfHalf(Half half, const Draw& draw) {
  for (;;)
    if (std::string word = draw(); BelongsTo(half, std::string_view(word))) return word;
}

}  // namespace

std::string_view AnyPart(std::string_view text, char between, Random* random) {
  const auto breaks = static_cast<std::size_t>(std::ranges::count(text, between));
  for (std::size_t skip = random->Below(breaks + 1); skip > 0; --skip)
    text.remove_prefix(text.find(between) + 1);
  return text.substr(0, text.find(between));
}

const std::vector<std::string>& WordsOf(Words kind) {
  static const auto lists = [] {
    std::array<std::vector<std::string>, kLists.size()> result;
    for (std::size_t i = 0; i < kLists.size(); ++i) result[i] = SplitWords(kLists[i]);
    return result;
  }();
  return lists[static_cast<std::size_t>(kind)];
}

const std::string& AnyWord(Words kind, Random* random) { return AnyOf(WordsOf(kind), random); }

std::vector<std::string> SomeWords(Words kind, std::size_t count, Random* random) {
  std::vector<std::string> words = WordsOf(kind);
  Shuffle(&words, random);
  if (words.size() > count) words.resize(count);
  return words;
}

Noun PersonName(Half half, Random* random) {
  static const HalvedList boys(kBoys), girls(kGirls);
  const bool girl = random->Below(2) == 1;
  const Gender gender = girl ? Gender::kShe : Gender::kHe;
  if (random->Below(2) == 0) return {AnyOf((girl ? girls : boys).Of(half), random), gender};
  // A name may turn out to be a known one, which belongs to the half that its list says.
  static const std::string known = std::string(" ") + kBoys + " " + kGirls + " ";
  for (;;) {
    const std::string name = Capitalised(OfHalf(half, [&] {
      return Syllables({kOnsets, kVowels, "l n r m d t s v nn ll rr",
                        girl ? "a ia ina e ya ette" : "o us an ek or in"},
                       random);
    }));
    if (known.find(" " + name + " ") == std::string::npos) return {name, gender};
  }
}

std::string TownName(Half half, Random* random) {
  return Capitalised(OfHalf(half, [&] {
    const bool plain = random->Below(2) == 0;
    const std::string begin =
        plain ? Syllables({"old new high low green white black red long stone oak ash mill deep "
                           "cold bright silver east west fern"},
                          random)
              : Syllables({kOnsets, kVowels, "n l m r t ss nd ll"}, random);
    return begin +
           Syllables(
               {"bridge well ford ton field port wood hill mouth by dale haven brook stead burg "
                "lake gate moor"},
               random);
  }));
}

std::string PlaceName(Half half, Random* random) {
  static const HalvedList places(kPlaces);
  return AnyOf(places.Of(half), random);
}

std::string InventedWord(Half half, Random* random) {
  return OfHalf(half, [&] {
    std::string word = Syllables({kOnsets, kVowels}, random);
    if (random->Below(2) == 0) word += Syllables({kOnsets, kVowels}, random);
    return word + Syllables({kEnds}, random);
  });
}

Noun Relative(Random* random) {
  const std::vector<std::string>& all = WordsOf(Words::kRelatives);
  const std::size_t index = random->Below(all.size());
  return {all[index], index % 2 == 0 ? Gender::kShe : Gender::kHe};
}

std::string NumberWord(std::size_t number) {
  static const std::vector<std::string> words =
      SplitWords("zero one two three four five six seven eight nine ten eleven twelve");
  return number < words.size() ? words[number] : std::to_string(number);
}

}  // namespace hadal::datagen
