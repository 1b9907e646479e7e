// Tests only: a tokenizer.json of the 256 bytes and what a test adds, with every part in reach.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "text/byte_level.h"
#include "text/pre_tokenizer.h"

namespace hadal::text {

inline Json RegexSplit(const std::string& pattern) {
  return Json::MakeObject({{"type", "Split"},
                           {"pattern", Json::MakeObject({{"Regex", pattern}})},
                           {"behavior", "Isolated"},
                           {"invert", false}});
}

inline Json ByteLevelStep(bool use_regex = false, bool add_prefix_space = false) {
  return Json::MakeObject({{"type", "ByteLevel"},
                           {"add_prefix_space", add_prefix_space},
                           {"trim_offsets", true},
                           {"use_regex", use_regex}});
}

inline Json StepSequence(Json::Array steps) {
  return Json::MakeObject({{"type", "Sequence"}, {"pretokenizers", std::move(steps)}});
}

inline Json DeepSeekSteps() {
  Json::Array steps;
  for (const SplitPattern& split : DeepSeekPatterns()) steps.push_back(RegexSplit(split.pattern));
  steps.push_back(ByteLevelStep());
  return StepSequence(std::move(steps));
}

// Ids: byte b of valid or invalid UTF-8 is token b; merge i makes token 256 + i.
struct SmallTokenizer {
  std::vector<std::pair<std::string, std::string>> merges = {};  // byte-level text
  std::vector<std::pair<std::string, std::int64_t>> added = {};
  Json pre_tokenizer = StepSequence({ByteLevelStep()});

  Json Model() const {
    Json::Object vocabulary;
    for (int b = 0; b < 256; ++b) {
      const char byte = static_cast<char>(b);
      vocabulary.emplace_back(ToByteLevel({&byte, 1}), b);
    }
    Json::Array pairs;
    for (std::size_t i = 0; i < merges.size(); ++i) {
      const auto& [left, right] = merges[i];
      vocabulary.emplace_back(left + right, static_cast<std::int64_t>(256 + i));
      pairs.emplace_back(left + ' ' + right);
    }
    return Json::MakeObject(
        {{"type", "BPE"}, {"vocab", std::move(vocabulary)}, {"merges", std::move(pairs)}});
  }

  Json File() const {
    Json::Array tokens;
    for (const auto& [content, id] : added)
      tokens.push_back(Json::MakeObject({{"id", id}, {"content", content}, {"normalized", false}}));
    return Json::MakeObject({{"version", "1.0"},
                             {"added_tokens", std::move(tokens)},
                             {"normalizer", nullptr},
                             {"pre_tokenizer", pre_tokenizer},
                             {"decoder", Json::MakeObject({{"type", "ByteLevel"}})},
                             {"model", Model()}});
  }
};

}  // namespace hadal::text
