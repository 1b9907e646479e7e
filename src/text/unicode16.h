// Characters that Unicode 15.0, 15.1 and 16.0 added, by general category.
//
// PCRE2 10.42 knows Unicode 14 only; without these a new emoji such as U+1FAE8 would be split
// differently than by implementations that know it.
// Source: the Unicode Character Database 16.0, DerivedGeneralCategory.txt, less that of 14.0.
#pragma once
#include <string>
#include <string_view>

namespace hadal::text {

// Those of a category (L, M, N, P or S) as the contents of a regular expression's class.
std::string NewCharacters(char category);

bool HasNewCharacter(std::string_view valid_utf8);

}  // namespace hadal::text
