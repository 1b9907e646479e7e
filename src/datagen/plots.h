// What stories are made of. A plot is a few beats, each of them written several ways, and questions
// that the story answers:
//
//   # the lost thing              a plot
//   - {Hero} had {a thing}.       one way to write the first beat
//   - {A thing} was all ...       another
//                                 an empty line: the next beat
//   - One day ...
//   ? What was lost? | The {thing} was lost.
//
// In templates (grammar.h): hero and friend are people, elder is the hero's relative, an_old an old
// man or woman; animal, thing, other (another thing), food, colour, adjective, plant, trade,
// material, weather, feeling, sound, count (a number of things), day, town, place and far (another
// place) are what they are called.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace hadal::datagen {

struct PlotQuestion {
  std::string question, answer;  // templates
};

struct Plot {
  std::string title;
  std::vector<std::vector<std::string>> beats;  // ways of each
  std::vector<PlotQuestion> questions;
};

const std::vector<Plot>& AllPlots();
std::vector<Plot> ParsePlots(std::string_view text);

}  // namespace hadal::datagen
