// Whether a story holds together, as far as its words show it: what can be counted, not whether it
// is a good one.
#pragma once
#include <string>
#include <string_view>

namespace hadal::eval {

struct StoryMarks {
  bool topic = false;  // what was asked for is in the first sentence, and comes again later
  bool names = false;  // a name of the first half is in the second, none is new in the last quarter
  bool flows = false;  // ended by itself, of six sentences or more, none of them said twice
  bool all() const { return topic && names && flows; }
};

// topic: the word asked for, without its article. ended: the model ended the story itself.
StoryMarks JudgeStory(std::string_view story, std::string_view topic, bool ended);

}  // namespace hadal::eval
