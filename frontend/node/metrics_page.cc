#include "frontend/node/metrics_page.h"

#include <fmt/format.h>

#include <iterator>

namespace bimip::frontend {

void MetricsPage::begin(About about, std::string_view type) {
  fmt::format_to(std::back_inserter(text_), "# HELP {0} {1}\n# TYPE {0} {2}\n", about.name,
                 about.help, type);
}

void MetricsPage::counter(About about, std::uint64_t value) {
  begin(about, "counter");
  fmt::format_to(std::back_inserter(text_), "{} {}\n", about.name, value);
}

void MetricsPage::gauge(About about, std::uint64_t value) {
  begin(about, "gauge");
  fmt::format_to(std::back_inserter(text_), "{} {}\n", about.name, value);
}

void MetricsPage::counters(About about, std::string_view label,
                           std::span<const std::string_view> values,
                           const std::function<std::uint64_t(std::size_t)>& value_of) {
  begin(about, "counter");
  labelled(about, label, values, value_of);
}

void MetricsPage::gauges(About about, std::string_view label,
                         std::span<const std::string_view> values,
                         const std::function<std::uint64_t(std::size_t)>& value_of) {
  begin(about, "gauge");
  labelled(about, label, values, value_of);
}

void MetricsPage::labelled(About about, std::string_view label,
                           std::span<const std::string_view> values,
                           const std::function<std::uint64_t(std::size_t)>& value_of) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    fmt::format_to(std::back_inserter(text_), "{}{{{}=\"{}\"}} {}\n", about.name, label, values[i],
                   value_of(i));
  }
}

void MetricsPage::info(About about, std::string_view label, std::string_view value) {
  begin(about, "gauge");
  fmt::format_to(std::back_inserter(text_), "{}{{{}=\"{}\"}} 1\n", about.name, label, value);
}

void MetricsPage::bucket(std::string_view name, double bound, std::uint64_t count) {
  const std::string le = bound == kInfinite ? "+Inf" : fmt::format("{}", bound);
  fmt::format_to(std::back_inserter(text_), "{}_bucket{{le=\"{}\"}} {}\n", name, le, count);
}

void MetricsPage::end_histogram(std::string_view name, double sum, std::uint64_t count) {
  fmt::format_to(std::back_inserter(text_), "{0}_sum {1}\n{0}_count {2}\n", name, sum, count);
}

}  // namespace bimip::frontend
