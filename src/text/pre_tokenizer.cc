#include "text/pre_tokenizer.h"

namespace hadal::text {

const std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

std::vector<SplitPattern> DeepSeekPatterns() {
  // The line ends stand in the pattern as themselves, as in the published file.
  return {{R"(\p{N}{1,3})"},
          {"[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"},
          {R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+)"
           "|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
           "| ?[\\p{P}\\p{S}]+[\r\n]*"
           "|\\s*[\r\n]+"
           "|\\s+(?!\\S)"
           "|\\s+"}};
}

Result<PreTokenizer> PreTokenizer::Make(const Options& options) {
  PreTokenizer made;
  for (const bool unicode16 : {false, true}) {
    if (unicode16 && Regex::LibraryKnowsUnicode16()) continue;
    for (const SplitPattern& split : options.patterns) {
      HADAL_TRY(Regex regex,
                Regex::Compile(split.pattern, {.literal = split.literal, .unicode16 = unicode16}));
      (unicode16 ? made.newer_stages_ : made.stages_).push_back(std::move(regex));
    }
  }
  made.add_prefix_space_ = options.add_prefix_space;
  made.splits_ = options.splits;
  return made;
}

}  // namespace hadal::text
