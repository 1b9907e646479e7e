// Binds named settings to the members of a struct: one function visits every key once, and the same
// visit reads a TOML table, or lists what the struct holds.
#pragma once
#include <toml++/toml.h>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "train/train_config.h"

namespace hadal::train {

struct Range {
  double low, high;
};

class SettingsVisitor {
 public:
  virtual ~SettingsVisitor() = default;
  virtual void Number(const std::string& key, double* value, Range range) = 0;
  virtual void Count(const std::string& key, std::size_t* value, Range range) = 0;
  virtual void Flag(const std::string& key, bool* value) = 0;
  virtual void When(const std::string& key, Moment* value) = 0;
  virtual void Text(const std::string& key, std::string* value) = 0;
  virtual void Choice(const std::string& key, std::string* value,
                      const std::vector<std::string>& choices) = 0;
  // A path, or paths; relative ones are read from the file's directory.
  virtual void Path(const std::string& key, std::string* value, bool required) = 0;
  virtual void Paths(const std::string& key, std::vector<std::string>* value, bool required) = 0;
};

class SettingsReader : public SettingsVisitor {
 public:
  SettingsReader(const toml::table& table, std::string name, std::string directory)
      : table_(table), name_(std::move(name)), directory_(std::move(directory)) {}
  void Number(const std::string& key, double* value, Range range) override;
  void Count(const std::string& key, std::size_t* value, Range range) override;
  void Flag(const std::string& key, bool* value) override;
  void When(const std::string& key, Moment* value) override;
  void Text(const std::string& key, std::string* value) override;
  void Choice(const std::string& key, std::string* value,
              const std::vector<std::string>& choices) override;
  void Path(const std::string& key, std::string* value, bool required) override;
  void Paths(const std::string& key, std::vector<std::string>* value, bool required) override;
  // At least one, each in the range, none of them twice.
  void Numbers(const std::string& key, std::vector<double>* values, Range range);
  void Counts(const std::string& key, std::vector<std::uint64_t>* values, Range range);
  // The first thing that was wrong, or a key of the table that was never visited.
  Status Finish();

 private:
  const toml::node* Find(const std::string& key);
  // One is what an element is read as: double, or std::int64_t for whole numbers alone.
  template <class One, class T>
  void List(const std::string& key, const std::string& what, std::vector<T>* values, Range range);
  void Reject(const std::string& key, const toml::node& found, const std::string& expected);
  std::string Resolve(const std::string& path) const;
  void CheckKnown(const toml::table& table, const std::string& prefix);

  const toml::table& table_;
  std::string name_, directory_;
  std::vector<std::string> known_;
  std::vector<Error> errors_;
};

class SettingsLister : public SettingsVisitor {
 public:
  void Number(const std::string& key, double* value, Range range) override;
  void Count(const std::string& key, std::size_t* value, Range range) override;
  void Flag(const std::string& key, bool* value) override;
  void When(const std::string& key, Moment* value) override;
  void Text(const std::string& key, std::string* value) override;
  void Choice(const std::string& key, std::string* value,
              const std::vector<std::string>& choices) override;
  void Path(const std::string& key, std::string* value, bool required) override;
  void Paths(const std::string& key, std::vector<std::string>* value, bool required) override;
  Settings settings;
};

// Not fmt::join: g++ 12 warns falsely of it with -O3.
std::string Join(const std::vector<std::string>& words, const std::string& between);

// Single-letter edits between two words.
std::size_t EditDistance(const std::string& a, const std::string& b);

}  // namespace hadal::train
