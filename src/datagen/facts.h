// A few facts about a few people, with questions: who lives where, has what, likes what.
#pragma once
#include "datagen/story.h"

namespace hadal::datagen {

struct FactSheet {
  std::string text;
  std::vector<Question> questions;
};

FactSheet MakeFacts(Half half, std::size_t people, Random* random);

}  // namespace hadal::datagen
