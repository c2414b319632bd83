// What the scenarios have in common: names, stamps, percentiles, phases.
#pragma once

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "tools/load/histogram.h"
#include "tools/load/scenarios.h"
#include "tools/load/swarm.h"

namespace bimip::load {

inline double microseconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

inline void add_percentiles(std::vector<bench::Figure>& figures, const std::string& name,
                            const Histogram& histogram) {
  for (const auto& [suffix, part] : {std::pair(".p50", 0.50), std::pair(".p99", 0.99),
                                     std::pair(".p999", 0.999), std::pair(".max", 1.0)}) {
    figures.push_back(
        {.name = name + suffix, .value = microseconds(histogram.percentile(part)), .unit = "us"});
  }
}

inline std::string shape_of(const Load& load) {
  return std::to_string(load.value_bytes) + "B_" + std::to_string(load.connections) + "x" +
         std::to_string(load.depth);
}

inline Status refusal(const std::string& message) {
  return engine::fail(engine::ErrorCode::kBusy, "the server refused: " + message);
}

// Values carry the time at which they were sent, in their first bytes.
inline std::string stamped_value(const Load& load) {
  return std::string(std::max(load.value_bytes, sizeof(std::int64_t)), 'v');
}
inline void stamp(std::string& value, Clock::time_point now) {
  const std::int64_t time = now.time_since_epoch().count();
  std::memcpy(value.data(), &time, sizeof time);
}
inline std::chrono::nanoseconds since_stamp(const std::string& value, Clock::time_point now) {
  std::int64_t time = 0;
  if (value.size() < sizeof time) return {};
  std::memcpy(&time, value.data(), sizeof time);
  return std::chrono::nanoseconds(now.time_since_epoch().count() - time);
}

// Warm-up, the measured time, and how long that really was.
class Phases {
 public:
  explicit Phases(const Load& load) : load_(load) {}
  Result<double> run(Swarm& swarm, const Swarm::Visit& visit, bool& is_measuring,
                     const Status& trouble) {
    const auto enough = [&] { return !trouble.has_value(); };
    Status went = swarm.run(Clock::now() + load_.warm_up, visit, enough);
    is_measuring = true;
    const Clock::time_point began = Clock::now();
    if (went) went = swarm.run(began + load_.time, visit, enough);
    is_measuring = false;
    const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
    if (!trouble) return std::unexpected(trouble.error());
    if (!went) return std::unexpected(std::move(went.error()));
    return seconds;
  }

 private:
  const Load& load_;
};

}  // namespace bimip::load
