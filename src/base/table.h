// Aligned text tables and their Markdown form.
#pragma once
#include <string>
#include <vector>

namespace hadal {

class Table {
 public:
  // A column whose title begins with '>' is aligned right (numbers); the mark is not printed.
  explicit Table(std::vector<std::string> titles);
  void Row(std::vector<std::string> cells);  // as many as there are titles
  std::string Text() const;
  std::string Markdown() const;

 private:
  std::vector<std::string> titles_;
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace hadal
