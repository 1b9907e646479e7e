#include "train/settings_visitor.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <sstream>
#include <type_traits>

namespace hadal::train {
namespace {

std::string Show(const toml::node& node) {
  std::ostringstream out;
  node.visit([&out](const auto& value) { out << value; });
  std::string text = std::move(out).str();
  std::replace(text.begin(), text.end(), '\n', ' ');
  if (text.size() > 60) text.replace(57, std::string::npos, "...");
  return text;
}

std::string ShowRange(Range range) { return fmt::format("from {} to {}", range.low, range.high); }

std::string Quote(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      quoted += fmt::format("\\{}", c);
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      quoted += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    else
      quoted += c;
  }
  return quoted + '"';
}

// The shortest digits that read back the same, always with a sign of being a real number.
std::string ShowReal(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

}  // namespace

std::string Join(const std::vector<std::string>& words, const std::string& between) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += between;
    text += word;
  }
  return text;
}

std::size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

const toml::node* SettingsReader::Find(const std::string& key) {
  known_.push_back(key);
  return table_.at_path(key).node();
}

void SettingsReader::Reject(const std::string& key, const toml::node& found,
                            const std::string& expected) {
  errors_.push_back(Fail(Code::kInvalid, "{}:{}: {}: found {}, expected {}", name_,
                         found.source().begin.line, key, Show(found), expected));
}

void SettingsReader::Number(const std::string& key, double* value, Range range) {
  const toml::node* node = Find(key);
  if (node == nullptr) return;
  const auto found = node->value<double>();
  if (!node->is_number() || !found || !(*found >= range.low && *found <= range.high))
    return Reject(key, *node, "a number " + ShowRange(range));
  *value = *found;
}

template <class One, class T>
void SettingsReader::List(const std::string& key, const std::string& what, std::vector<T>* values,
                          Range range) {
  const toml::node* node = Find(key);
  if (node == nullptr) {
    errors_.push_back(
        Fail(Code::kInvalid, "{}: {}: not given, expected a list of {}", name_, key, what));
    return;
  }
  const std::string expected = fmt::format("a list of {} {}, each once", what, ShowRange(range));
  const toml::array* array = node->as_array();
  if (array == nullptr || array->empty()) return Reject(key, *node, expected);
  values->clear();
  for (const toml::node& element : *array) {
    const auto found = element.value<One>();
    const bool whole = std::is_same_v<One, double> || element.is_integer();
    if (!element.is_number() || !whole || !found ||
        !(static_cast<double>(*found) >= range.low && static_cast<double>(*found) <= range.high) ||
        std::find(values->begin(), values->end(), static_cast<T>(*found)) != values->end())
      return Reject(key, element, expected);
    values->push_back(static_cast<T>(*found));
  }
}

void SettingsReader::Numbers(const std::string& key, std::vector<double>* values, Range range) {
  List<double>(key, "numbers", values, range);
}

void SettingsReader::Counts(const std::string& key, std::vector<std::uint64_t>* values,
                            Range range) {
  List<std::int64_t>(key, "whole numbers", values, range);
}

void SettingsReader::Count(const std::string& key, std::size_t* value, Range range) {
  const toml::node* node = Find(key);
  if (node == nullptr) return;
  const auto found = node->value_exact<std::int64_t>();
  if (!found || static_cast<double>(*found) < range.low || static_cast<double>(*found) > range.high)
    return Reject(key, *node, "a whole number " + ShowRange(range));
  *value = static_cast<std::size_t>(*found);
}

void SettingsReader::Flag(const std::string& key, bool* value) {
  const toml::node* node = Find(key);
  if (node == nullptr) return;
  const auto found = node->value_exact<bool>();
  if (!found) return Reject(key, *node, "true or false");
  *value = *found;
}

void SettingsReader::When(const std::string& key, Moment* value) {
  const toml::node* node = Find(key);
  if (node == nullptr) return;
  if (const auto step = node->value_exact<std::int64_t>(); step && *step >= 0) {
    *value = Moment::AtStep(static_cast<std::size_t>(*step));
  } else if (const auto part = node->value_exact<double>(); part && *part >= 0 && *part <= 1) {
    *value = Moment::AtFraction(*part);
  } else if (const auto word = node->value_exact<std::string>(); word && *word == "never") {
    *value = Moment::Never();
  } else {
    Reject(key, *node, "a step (10), a part of the run (0.0 to 1.0) or \"never\"");
  }
}

void SettingsReader::Text(const std::string& key, std::string* value) {
  const toml::node* node = Find(key);
  if (node == nullptr) return;
  const auto found = node->value_exact<std::string>();
  if (!found) return Reject(key, *node, "a text in quotes");
  *value = *found;
}

void SettingsReader::Choice(const std::string& key, std::string* value,
                            const std::vector<std::string>& choices) {
  const toml::node* node = Find(key);
  if (node == nullptr) return;
  const auto found = node->value_exact<std::string>();
  if (!found || std::find(choices.begin(), choices.end(), *found) == choices.end())
    return Reject(key, *node, "\"" + Join(choices, "\" or \"") + "\"");
  *value = *found;
}

std::string SettingsReader::Resolve(const std::string& path) const {
  if (path.empty()) return path;
  return (std::filesystem::path(directory_) / path).lexically_normal().string();
}

void SettingsReader::Path(const std::string& key, std::string* value, bool required) {
  const toml::node* node = Find(key);
  if (node == nullptr) {
    if (required)
      errors_.push_back(Fail(Code::kInvalid, "{}: {}: not given, expected a path", name_, key));
    return;
  }
  const auto found = node->value_exact<std::string>();
  if (!found || (required && found->empty())) return Reject(key, *node, "a path in quotes");
  *value = Resolve(*found);
}

void SettingsReader::Paths(const std::string& key, std::vector<std::string>* value, bool required) {
  const toml::node* node = Find(key);
  if (node == nullptr) {
    if (required)
      errors_.push_back(
          Fail(Code::kInvalid, "{}: {}: not given, expected a list of paths", name_, key));
    return;
  }
  const toml::array* array = node->as_array();
  if (array == nullptr || (required && array->empty()))
    return Reject(key, *node, "a list of paths, [\"one\", \"two\"]");
  value->clear();
  for (const toml::node& element : *array) {
    const auto found = element.value_exact<std::string>();
    if (!found || found->empty()) return Reject(key, element, "a path in quotes");
    value->push_back(Resolve(*found));
  }
}

void SettingsReader::CheckKnown(const toml::table& table, const std::string& prefix) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    const bool section = std::any_of(known_.begin(), known_.end(), [&](const std::string& known) {
      return known.compare(0, key.size() + 1, key + ".") == 0;
    });
    if (node.is_table() && (section || !node.as_table()->empty())) {
      CheckKnown(*node.as_table(), key + ".");
      continue;
    }
    const auto nearest = std::min_element(known_.begin(), known_.end(), [&](auto& a, auto& b) {
      return EditDistance(a, key) < EditDistance(b, key);
    });
    errors_.push_back(Fail(Code::kInvalid, "{}:{}: {}: no such setting; the nearest is {}", name_,
                           node.source().begin.line, key, *nearest));
  }
}

Status SettingsReader::Finish() {
  std::vector<Error> found = std::exchange(errors_, {});
  CheckKnown(table_, "");  // its errors first: a misspelt key is also a missing one
  errors_.insert(errors_.end(), found.begin(), found.end());
  if (!errors_.empty()) return errors_.front();
  return Unit{};
}

void SettingsLister::Number(const std::string& key, double* value, Range /*range*/) {
  settings.emplace_back(key, ShowReal(*value));
}
void SettingsLister::Count(const std::string& key, std::size_t* value, Range /*range*/) {
  settings.emplace_back(key, fmt::format("{}", *value));
}
void SettingsLister::Flag(const std::string& key, bool* value) {
  settings.emplace_back(key, *value ? "true" : "false");
}
void SettingsLister::When(const std::string& key, Moment* value) {
  const bool step = value->kind == Moment::Kind::kStep;
  settings.emplace_back(key,
                        value->kind == Moment::Kind::kNever
                            ? "\"never\""
                            : (step ? fmt::format("{}", static_cast<std::uint64_t>(value->value))
                                    : ShowReal(value->value)));
}
void SettingsLister::Text(const std::string& key, std::string* value) {
  settings.emplace_back(key, Quote(*value));
}
void SettingsLister::Choice(const std::string& key, std::string* value,
                            const std::vector<std::string>& /*choices*/) {
  Text(key, value);
}
void SettingsLister::Path(const std::string& key, std::string* value, bool /*required*/) {
  Text(key, value);
}
void SettingsLister::Paths(const std::string& key, std::vector<std::string>* value,
                           bool /*required*/) {
  std::vector<std::string> quoted;
  for (const std::string& path : *value) quoted.push_back(Quote(path));
  settings.emplace_back(key, "[" + Join(quoted, ", ") + "]");
}

}  // namespace hadal::train
