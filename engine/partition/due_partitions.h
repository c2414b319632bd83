// When the partitions of a writer loop next have held records to release.
#pragma once

#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/base/types.h"

namespace bimip::engine {

class Partition;

// On the writer loop's thread only.
class DuePartitions {
 public:
  // Nothing: none is held there.
  void set(Partition& partition, std::optional<Timestamp> due);
  [[nodiscard]] std::optional<Timestamp> next() const {
    if (order_.empty()) return std::nullopt;
    return order_.begin()->first;
  }
  // Those whose time has come; they are to say anew when they are due again.
  [[nodiscard]] std::vector<Partition*> take(Timestamp now);

 private:
  std::set<std::pair<Timestamp, Partition*>> order_{};
  std::unordered_map<Partition*, Timestamp> times_{};
};

}  // namespace bimip::engine
