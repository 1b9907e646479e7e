// Stories of a paragraph or two, with questions that they answer and questions that they do not.
#pragma once
#include <string>
#include <vector>

#include "base/random.h"
#include "datagen/grammar.h"
#include "datagen/half.h"

namespace hadal::datagen {

struct Question {
  std::string question, answer;
  bool known = true;       // false: the answer says that the text does not tell
  std::string value = {};  // what every right answer holds; empty: unknown, or said in many ways
};

struct Story {
  std::string title, text;   // a beat a line
  std::string topic, about;  // what somebody may ask for a story about: "kite", "a kite"; or a name
  std::vector<Question> questions;
};

Story MakeStory(Half half, Random* random);
// "Tell me a story about a kite."
std::string StoryRequest(Half half, const Story& story, Random* random);
// The story for somebody who asked for one about story.about: its first sentence names it.
std::string ToldOnRequest(Half half, const Story& story, Random* random);
// Whoever and whatever a story, or a list of facts, may need.
Cast MakeCast(Half half, Random* random);
// In the words of the half: that a text does not say it.
std::string DoesNotSay(Half half, Random* random);

}  // namespace hadal::datagen
