// One figure a line: for a person, or as JSON objects {name, value, unit, baseline, ratio}.
#pragma once

#include <cstdio>
#include <optional>
#include <string>

namespace bimip::bench {

struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
  std::optional<double> baseline{};  // the same unit, measured in the same run
};

class Report {
 public:
  explicit Report(bool json) : json_(json) {}

  void add(const Figure& figure) const {
    const bool compared = figure.baseline && *figure.baseline > 0;
    const double ratio = compared ? figure.value / *figure.baseline : 0;
    if (json_) {
      std::printf("{\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\", ", figure.name.c_str(),
                  figure.value, figure.unit.c_str());
      if (compared) {
        std::printf("\"baseline\": %.6g, \"ratio\": %.4g}\n", *figure.baseline, ratio);
      } else {
        std::printf("\"baseline\": null, \"ratio\": null}\n");
      }
    } else if (compared) {
      std::printf("%-44s %14.1f %-10s baseline %14.1f  ratio %.3f\n", figure.name.c_str(),
                  figure.value, figure.unit.c_str(), *figure.baseline, ratio);
    } else {
      std::printf("%-44s %14.1f %-10s\n", figure.name.c_str(), figure.value, figure.unit.c_str());
    }
    std::fflush(stdout);
  }

 private:
  bool json_;
};

}  // namespace bimip::bench
