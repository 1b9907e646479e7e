#include "datagen/plots.h"

#include <sstream>

#include "base/check.h"
#include "datagen/texts.h"

namespace hadal::datagen {

std::vector<Plot> ParsePlots(std::string_view text) {
  std::vector<Plot> plots;
  std::istringstream in{std::string(text)};
  bool new_beat = true;
  for (std::string line; std::getline(in, line);) {
    const std::string rest = line.size() > 2 ? line.substr(2) : std::string();
    if (line.starts_with("# ")) {
      plots.push_back({rest, {}, {}});
      new_beat = true;
    } else if (line.starts_with("- ")) {
      HADAL_CHECK(!plots.empty());
      if (new_beat) plots.back().beats.emplace_back();
      plots.back().beats.back().push_back(rest);
      new_beat = false;
    } else if (line.starts_with("? ")) {
      const std::size_t bar = rest.find(" | ");
      HADAL_CHECK(!plots.empty() && bar != std::string::npos);
      plots.back().questions.push_back({rest.substr(0, bar), rest.substr(bar + 3)});
    } else {
      HADAL_CHECK(line.empty());
      new_beat = true;
    }
  }
  return plots;
}

const std::vector<Plot>& AllPlots() {
  static const std::vector<Plot> plots = [] {
    std::string text;
    for (const char* part :
         {kPlotsAtHomeText, kPlotsOutsideText, kPlotsVillageText, kPlotsJourneysText})
      text += std::string(part) + "\n";
    return ParsePlots(text);
  }();
  return plots;
}

}  // namespace hadal::datagen
