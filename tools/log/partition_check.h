// Compares what the segments of one partition say with each other and with its tables.
#pragma once

#include <memory>

#include "engine/format/loss_table.h"
#include "tools/log/entity_check.h"
#include "tools/log/segment_check.h"

namespace bimip::log_tools {

// The tables beside one segment, read before its blocks are.
struct SegmentTables {
  std::optional<std::vector<std::byte>> index{};
  std::optional<Checkpoint> checkpoint{};
  std::optional<ProducerState> producers{};
};

// What is checked of one partition: its places, tables, and, once they were read, its segments'
// facts. Thread-compatible.
class PartitionCheck {
 public:
  // Reads the tables. Their damage is among the findings.
  PartitionCheck(const PartitionPlace& place, Depth depth);

  [[nodiscard]] std::size_t size() const { return place_.segments.size(); }
  // How to read a segment. Keeps views of this object.
  [[nodiscard]] SegmentTask task(std::size_t segment, std::atomic<std::uint64_t>& bytes_read) const;
  // What came of it; each segment once, from any thread, no two calls for the same segment.
  void set_facts(std::size_t segment, Result<SegmentFacts> facts);

  // After all facts are there. kIo.
  [[nodiscard]] Result<std::vector<Finding>> compare();
  [[nodiscard]] const std::optional<SegmentFacts>& facts(std::size_t segment) const {
    return facts_[segment];
  }

 private:
  [[nodiscard]] bool is_live() const { return place_.holding == Holding::kLive; }
  void read_losses();
  void read_tables(std::size_t segment);
  void read_index(std::size_t segment);
  void read_checkpoint(std::size_t segment);
  void read_producers(std::size_t segment);
  void check_producers(const ProducerState& state, const Path& path, Offset end);
  void compare_segment(std::size_t segment);
  void compare_start(std::size_t segment);
  void compare_end(std::size_t segment);
  void compare_index(std::size_t segment);
  void compare_entities(std::size_t segment);
  void compare_checkpoint(std::size_t segment);
  void judge_bad(std::size_t segment);
  void note_known_loss(std::size_t segment, const BadRange& bad);
  void judge_odd(std::size_t segment);
  void judge_missing(std::size_t segment);
  void judge_prepared(std::size_t segment);
  void note_end(std::size_t segment);
  [[nodiscard]] bool is_sealed(std::size_t segment) const;
  [[nodiscard]] bool is_prepared(std::size_t segment) const;
  [[nodiscard]] Offset known_durable(std::size_t segment) const;
  [[nodiscard]] Offset lost_end(std::size_t segment) const;
  [[nodiscard]] std::optional<Offset> end_of(std::size_t segment) const;
  [[nodiscard]] std::uint64_t records_gone() const;
  void report(Finding finding);

  const PartitionPlace& place_;
  const Depth depth_;
  LossTable losses_;
  std::vector<SegmentTables> tables_;
  std::vector<std::optional<SegmentFacts>> facts_;
  std::vector<std::optional<Error>> errors_;
  std::vector<Finding> findings_;
  EntityCheck entities_;
};

}  // namespace bimip::log_tools
