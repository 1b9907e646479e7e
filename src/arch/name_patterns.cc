#include "arch/name_patterns.h"

#include <algorithm>
#include <regex>

#include "base/quote.h"

namespace hadal::arch {
namespace {

constexpr std::size_t kMostPatterns = 4096;  // with wildcards: each is tried on every module

// The part of `text` that is matched ends at its end or before a dot.
bool MatchesWildcard(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (p == pattern.size() && text[t] == '.') {
      return true;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

struct NamePatterns::Expression {
  std::regex regex;
};

std::string_view WithoutModelPrefix(std::string_view name) {
  for (const std::string_view prefix : {"language_model.", "model."})
    if (name.starts_with(prefix)) return WithoutModelPrefix(name.substr(prefix.size()));
  return name;
}

Status NamePatterns::Add(std::string_view pattern) {
  if (wildcards_.size() + expressions_.size() >= kMostPatterns)
    return Fail(Code::kUnsupported, "found more than {} patterns", kMostPatterns);
  if (pattern.starts_with("re:")) {
    // The library's polynomial matcher: no pattern from a file can make it run for ever.
    constexpr auto kFlags = std::regex_constants::ECMAScript | std::regex_constants::nosubs |
                            std::regex_constants::__polynomial;
    try {
      expressions_.push_back(std::make_shared<const Expression>(
          Expression{std::regex(pattern.begin() + 3, pattern.end(), kFlags)}));
    } catch (const std::regex_error&) {
      return Fail(Code::kUnsupported, "found {}, expected a regular expression", Quote(pattern));
    }
    return Unit{};
  }
  if (pattern.find('[') != std::string_view::npos)
    return Fail(Code::kUnsupported, "found {}, expected no [] in it", Quote(pattern));
  const std::string_view name = WithoutModelPrefix(pattern);
  if (name.find_first_of("*?") == std::string_view::npos)
    parts_.emplace(name);
  else
    wildcards_.emplace_back(name);
  return Unit{};
}

bool NamePatterns::Match(std::string_view module) const {
  const std::string_view name = WithoutModelPrefix(module);
  const auto next_dot = [&](std::size_t at) { return std::min(name.find('.', at), name.size()); };
  for (std::size_t begin = 0; !parts_.empty() && begin < name.size(); begin = next_dot(begin) + 1)
    for (std::size_t end = next_dot(begin);; end = next_dot(end + 1)) {
      if (parts_.contains(std::string(name.substr(begin, end - begin)))) return true;
      if (end == name.size()) break;
    }
  for (const std::string& wildcard : wildcards_)
    if (MatchesWildcard(wildcard, name)) return true;
  for (const auto& expression : expressions_)
    for (const std::string_view text : {module, name})
      if (std::regex_search(text.begin(), text.end(), expression->regex,
                            std::regex_constants::match_continuous))
        return true;
  return false;
}

}  // namespace hadal::arch
