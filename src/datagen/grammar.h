// Sentences from templates.
//
//   [one|another|]      one of them; may be empty, and may hold any of this
//   {thing}             what is bound to the name; {Thing}: with a capital
//   {a thing}           with "a" or "an" in front, {A thing}
//   {he hero} {him hero} {his hero} {himself hero} {is hero} {was hero} {has hero}
//                       the word that goes with who is bound: she, her, they, were, ...; {He hero}
//
// A template is part of the program: a name that nothing is bound to is a fault in it, HADAL_CHECK.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "base/random.h"

namespace hadal::datagen {

enum class Gender { kHe, kShe, kIt, kThey };

struct Noun {
  std::string text;
  Gender gender = Gender::kIt;
};

using Cast = std::map<std::string, Noun, std::less<>>;

std::string Expand(std::string_view sentence, const Cast& cast, Random* random);

// Whether a template names what is bound to `name`; a pronoun does not.
bool Names(std::string_view sentence, std::string_view name);
// What the answer names and the question does not; empty: nothing.
std::string AskedFor(std::string_view question, std::string_view answer, const Cast& cast);

// Whether a text has the word, or several of it: also with a capital, and with an s behind. A hat
// is not in "that".
bool HasWord(std::string_view text, std::string_view word);

std::string WithArticle(std::string_view noun);  // "an apple"
std::string Capitalised(std::string_view text);

}  // namespace hadal::datagen
