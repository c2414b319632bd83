// How far a subscriber has come in each partition.
#pragma once

#include <cstdint>
#include <map>

namespace bimip::client {

// Pure. Survives connections: what was handed on is never handed on again, and the next
// subscription takes up behind it. Thread-compatible.
class ReadPositions {
 public:
  struct Position {
    std::uint64_t next = 0;
    std::uint64_t end = 0;  // of the partition when it was first subscribed to
  };

  [[nodiscard]] bool is_known() const { return !partitions_.empty(); }
  [[nodiscard]] const std::map<std::uint32_t, Position>& partitions() const { return partitions_; }

  // A subscription begins; the first one says where.
  void on_start(std::uint32_t partition, std::uint64_t start, std::uint64_t end) {
    partitions_.try_emplace(partition, Position{.next = start, .end = end});
  }
  // Whether the record is the next one to hand on; if so it counts as handed on.
  [[nodiscard]] bool take(std::uint32_t partition, std::uint64_t offset) {
    Position& position = partitions_[partition];
    if (offset < position.next) return false;
    position.next = offset + 1;
    return true;
  }
  // A group's member begins with a partition, perhaps anew.
  void begin(std::uint32_t partition, std::uint64_t start, std::uint64_t end) {
    partitions_[partition] = {.next = start, .end = end};
  }
  // It reads these no more.
  void forget(std::uint32_t partition) { partitions_.erase(partition); }
  // Handed on, perhaps not for the first time.
  void pass(std::uint32_t partition, std::uint64_t offset) {
    Position& position = partitions_[partition];
    if (position.next <= offset) position.next = offset + 1;
  }
  void pass_gap(std::uint32_t partition, std::uint64_t end) {
    Position& position = partitions_[partition];
    if (position.next < end) position.next = end;
  }
  // Everything that was there at the beginning was handed on.
  [[nodiscard]] bool reached_end() const {
    for (const auto& [partition, position] : partitions_) {
      if (position.next < position.end) return false;
    }
    return is_known();
  }

 private:
  std::map<std::uint32_t, Position> partitions_;
};

}  // namespace bimip::client
