// For clang-tidy alone, in front of files that use LibTorch. clang 14 instantiates the constexpr
// members of C++20's std::vector early, and LibTorch 1.13 has a vector of a type that is incomplete
// at that place; so here std::vector is not constexpr. __fill_a1 was declared constexpr before, and
// keeps out of the way.
#pragma once
#include <memory>
#include <string>
#undef _GLIBCXX20_CONSTEXPR
#define _GLIBCXX20_CONSTEXPR
#define __fill_a1 __fill_a1_of_vector
#include <vector>
#undef __fill_a1
#undef _GLIBCXX20_CONSTEXPR
#define _GLIBCXX20_CONSTEXPR constexpr
