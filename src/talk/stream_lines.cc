#include <istream>

#include "talk/line_source.h"

namespace hadal::talk {
namespace {

class Stream : public LineSource {
 public:
  explicit Stream(std::istream& in) : in_(in) {}

  Got Read(const std::string& /*prompt*/, std::string* line) override {
    if (!std::getline(in_, *line)) return Got::kEnd;
    if (line->ends_with('\r')) line->pop_back();
    return Got::kLine;
  }
  void Remember(const std::string& /*text*/) override {}

 private:
  std::istream& in_;
};

}  // namespace

std::unique_ptr<LineSource> StreamLines(std::istream& in) { return std::make_unique<Stream>(in); }

}  // namespace hadal::talk
