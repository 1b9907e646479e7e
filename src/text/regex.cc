#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <cstdlib>
#include <utility>

#include "base/quote.h"
#include "text/unicode16.h"

namespace hadal::text {
namespace {

// Linear patterns over a text of hundreds of MB stay below this; it stops exponential ones.
constexpr std::uint32_t kMatchLimit = 1'000'000'000;
constexpr std::uint32_t kHeapLimitKib = 1 << 20;
constexpr std::size_t kStackBytes = 32 << 10, kMaxStackBytes = 8 << 20;
constexpr std::size_t kMaxPatternBytes = 1 << 16;

std::string Category(char category, bool unicode16) {
  return fmt::format("\\p{{{}}}{}", category, unicode16 ? NewCharacters(category) : "");
}

// What \s, \w, \p{L} ... mean, as contents of a class; empty for other escapes. PCRE2's own \s has
// U+180E besides White_Space, and its \w lacks marks and all connectors but the underscore.
std::string Meaning(std::string_view escape, bool unicode16) {
  if (escape == "s") return R"(\p{Z}\x{09}-\x{0d}\x{85})";
  if (escape == "w")
    return Category('L', unicode16) + Category('M', unicode16) + Category('N', unicode16) +
           R"(\p{Pc})";
  for (const char category : {'L', 'M', 'N', 'P', 'S'})
    if (unicode16 && escape == fmt::format("p{{{}}}", category)) return Category(category, true);
  return {};
}

// The escape at the beginning of a pattern, without its backslash: "s", "n", "p{L}".
std::string_view EscapeAt(std::string_view rest) {
  const bool property = rest.starts_with("p{") || rest.starts_with("P{");
  const std::size_t end = property ? rest.find('}') : std::string_view::npos;
  return rest.substr(0, end == std::string_view::npos ? 1 : end + 1);
}

// An escape as PCRE2 must read it. Negated ones (\S, \P{L}) stay as they are within [...]: a class
// cannot hold a negated class.
std::string Rewritten(std::string_view escape, bool in_class, bool unicode16) {
  const std::string meaning = Meaning(escape, unicode16);
  if (!meaning.empty()) return in_class ? meaning : "[" + meaning + "]";
  if (!in_class && (escape[0] == 'S' || escape[0] == 'W' || escape[0] == 'P')) {
    std::string positive(escape);
    positive[0] = static_cast<char>(positive[0] - 'A' + 'a');
    if (const std::string opposite = Meaning(positive, unicode16); !opposite.empty())
      return "[^" + opposite + "]";
  }
  return "\\" + std::string(escape);
}

std::string AsMeant(std::string_view pattern, bool unicode16) {
  std::string out;
  bool in_class = false;
  std::size_t class_begin = 0;  // where its contents begin; a ] there is one of them
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c != '\\' || i + 1 == pattern.size()) {
      if (in_class && c == ']' && i > class_begin) in_class = false;
      if (!in_class && c == '[') {
        in_class = true;
        class_begin = pattern.substr(i + 1).starts_with('^') ? i + 2 : i + 1;
      }
      out += c;
      continue;
    }
    const std::string_view escape = EscapeAt(pattern.substr(i + 1));
    out += Rewritten(escape, in_class, unicode16);
    i += escape.size();
  }
  return out;
}

PCRE2_SPTR Bytes(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

}  // namespace

RegexScratch::RegexScratch()
    : match_(pcre2_match_data_create(1, nullptr)),
      context_(pcre2_match_context_create(nullptr)),
      stack_(pcre2_jit_stack_create(kStackBytes, kMaxStackBytes, nullptr)) {
  HADAL_CHECK(match_ != nullptr && context_ != nullptr);
  pcre2_set_match_limit(context_, kMatchLimit);
  pcre2_set_heap_limit(context_, kHeapLimitKib);
  // Null where there is no JIT: then nothing asks for it.
  if (stack_ != nullptr) pcre2_jit_stack_assign(context_, nullptr, stack_);
}

RegexScratch::~RegexScratch() {
  pcre2_jit_stack_free(stack_);
  pcre2_match_context_free(context_);
  pcre2_match_data_free(match_);
}

bool Regex::LibraryKnowsUnicode16() {
  std::array<char, 64> version{};
  pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, version.data());
  return std::atoi(version.data()) >= 16;
}

Result<Regex> Regex::Compile(std::string_view pattern, Options how) {
  if (pattern.size() > kMaxPatternBytes)
    return Fail(Code::kUnsupported, "a pattern of {} bytes; at most {} are", pattern.size(),
                kMaxPatternBytes);
  const std::string meant = how.literal ? std::string(pattern) : AsMeant(pattern, how.unicode16);
  // PCRE2 refuses LITERAL together with UCP; a literal needs no character classes.
  const std::uint32_t options =
      PCRE2_UTF | (how.literal ? PCRE2_LITERAL : PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C);
  int error = 0;
  std::size_t offset = 0;
  pcre2_code* code = pcre2_compile(Bytes(meant), meant.size(), options, &error, &offset, nullptr);
  if (code == nullptr) {
    std::array<PCRE2_UCHAR, 256> what{};
    pcre2_get_error_message(error, what.data(), what.size());
    return Fail(Code::kUnsupported, "the pattern {} does not compile: {}", Quote(pattern),
                reinterpret_cast<const char*>(what.data()));
  }
  const bool jit = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
  return Regex(code, jit);
}

Regex::Regex(Regex&& other) noexcept
    : code_(std::exchange(other.code_, nullptr)), jit_(other.jit_) {}

Regex::~Regex() { pcre2_code_free(code_); }

std::optional<Regex::Match> Regex::Find(std::string_view text, std::size_t from,
                                        RegexScratch* scratch) const {
  int found = PCRE2_ERROR_JIT_STACKLIMIT;
  if (jit_)
    found = pcre2_jit_match(code_, Bytes(text), text.size(), from, 0, scratch->match_,
                            scratch->context_);
  if (found == PCRE2_ERROR_JIT_STACKLIMIT)  // no JIT, or a pattern too deep for its stack
    found = pcre2_match(code_, Bytes(text), text.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                        scratch->match_, scratch->context_);
  if (found < 0) return std::nullopt;
  const std::size_t* ends = pcre2_get_ovector_pointer(scratch->match_);
  return Match{ends[0], ends[1]};
}

}  // namespace hadal::text
