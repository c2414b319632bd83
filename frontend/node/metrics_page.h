// Numbers in Prometheus's text format.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/counters.h"

namespace bimip::frontend {

// Gathers one page, metric by metric. Thread-compatible.
class MetricsPage {
 public:
  struct About {
    std::string_view name;
    std::string_view help;
  };
  void counter(About about, std::uint64_t value);
  void gauge(About about, std::uint64_t value);
  // One value for each of the label's.
  void counters(About about, std::string_view label, std::span<const std::string_view> values,
                const std::function<std::uint64_t(std::size_t)>& value_of);
  void gauges(About about, std::string_view label, std::span<const std::string_view> values,
              const std::function<std::uint64_t(std::size_t)>& value_of);
  // A gauge that is 1, with what it says in its label.
  void info(About about, std::string_view label, std::string_view value);

  // The sum of several histograms with the same bounds. What they observed, divided by `unit`, is
  // in the metric's unit.
  template <std::size_t kBuckets>
  void histogram(About about, std::span<const engine::Histogram<kBuckets>* const> parts,
                 double unit) {
    begin(about, "histogram");
    std::uint64_t count = 0;
    for (std::size_t i = 0; i <= kBuckets; ++i) {
      for (const auto* part : parts) count += part->count(i);
      bucket(about.name,
             i < kBuckets ? static_cast<double>(parts[0]->bounds()[i]) / unit : kInfinite, count);
    }
    double sum = 0;
    for (const auto* part : parts) sum += static_cast<double>(part->sum());
    end_histogram(about.name, sum / unit, count);
  }

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  static constexpr double kInfinite = -1;
  void begin(About about, std::string_view type);
  void labelled(About about, std::string_view label, std::span<const std::string_view> values,
                const std::function<std::uint64_t(std::size_t)>& value_of);
  void bucket(std::string_view name, double bound, std::uint64_t count);
  void end_histogram(std::string_view name, double sum, std::uint64_t count);

  std::string text_;
};

}  // namespace bimip::frontend
