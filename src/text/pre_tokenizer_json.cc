// The pre_tokenizer of a tokenizer.json.
#include "base/quote.h"
#include "text/tokenizer_json.h"

namespace hadal::text {
namespace {

constexpr std::size_t kMaxSteps = 32;

struct Steps {
  PreTokenizer::Options options;
  bool byte_level = false;  // the ByteLevel step was seen; nothing may follow it
};

Status AddSplit(const Json& step, const std::string& where, Steps* steps) {
  HADAL_TRY(const std::string behavior, StringField(step, "behavior", where));
  if (behavior != "Isolated")
    return Fail(Code::kUnsupported, "{}.behavior is {}; only 'Isolated' is known", where,
                Quote(behavior));
  HADAL_TRY(const bool invert, BoolField(step, "invert", false, where));
  if (invert) return Fail(Code::kUnsupported, "{}.invert is true; only false is known", where);

  const Json* pattern = step.Find("pattern");
  const Json* regex = pattern == nullptr ? nullptr : pattern->Find("Regex");
  const Json* literal = pattern == nullptr ? nullptr : pattern->Find("String");
  const Json* chosen = regex != nullptr ? regex : literal;
  if (chosen == nullptr || chosen->AsString() == nullptr)
    return Fail(Code::kCorrupt, "{}.pattern is not {{\"Regex\": text}} or {{\"String\": text}}",
                where);
  if (chosen->AsString()->empty()) return Fail(Code::kCorrupt, "{}.pattern is empty", where);
  steps->options.patterns.push_back({*chosen->AsString(), regex == nullptr});
  return Unit{};
}

Status AddByteLevel(const Json& step, const std::string& where, Steps* steps) {
  HADAL_TRY(const bool use_regex, BoolField(step, "use_regex", true, where));
  HADAL_TRY(steps->options.add_prefix_space, BoolField(step, "add_prefix_space", false, where));
  steps->options.splits = steps->options.patterns.size();
  if (use_regex) steps->options.patterns.push_back({std::string(kGpt2Pattern), false});
  steps->byte_level = true;
  return Unit{};
}

Status AddStep(const Json& step, const std::string& where, Steps* steps) {
  if (steps->byte_level)
    return Fail(Code::kUnsupported, "{} follows the ByteLevel step, which must be the last", where);
  if (steps->options.patterns.size() >= kMaxSteps)
    return Fail(Code::kUnsupported, "pre_tokenizer has more than {} steps", kMaxSteps);
  HADAL_TRY(const std::string type, StringField(step, "type", where));
  if (type == "Split") return AddSplit(step, where, steps);
  if (type == "ByteLevel") return AddByteLevel(step, where, steps);
  if (type != "Sequence")
    return Fail(Code::kUnsupported, "{} is of type {}; known are Sequence, Split and ByteLevel",
                where, Quote(type));
  const Json* list = step.Find("pretokenizers");
  if (list == nullptr || list->AsArray() == nullptr)
    return Fail(Code::kCorrupt, "{}.pretokenizers is not a list", where);
  for (std::size_t i = 0; i < list->AsArray()->size(); ++i)
    HADAL_TRY_STATUS(
        AddStep((*list->AsArray())[i], fmt::format("{}.pretokenizers[{}]", where, i), steps));
  return Unit{};
}

}  // namespace

Result<PreTokenizer> ParsePreTokenizer(const Json& pre_tokenizer) {
  Steps steps;
  HADAL_TRY_STATUS(AddStep(pre_tokenizer, "pre_tokenizer", &steps));
  if (!steps.byte_level)
    return Fail(Code::kUnsupported,
                "pre_tokenizer has no ByteLevel step; only byte-level vocabularies are known");
  auto made = PreTokenizer::Make(steps.options);
  if (!made.ok()) return Within("pre_tokenizer", made.error());
  return made;
}

}  // namespace hadal::text
