// Reads records out of a store, a topic, a partition or a segment, damaged or not.
#pragma once

#include <functional>

#include "engine/format/record.h"
#include "tools/log/inventory.h"

namespace bimip::log_tools {

// What a record must be to be shown; nothing set: every record.
struct RecordFilter {
  OffsetRange offsets{.first = Offset(0), .end = Offset(~std::uint64_t{0})};
  std::optional<Timestamp> since{};  // not before
  std::optional<Timestamp> until{};  // before
  std::optional<std::string> key{};
  struct HeaderIs {
    std::string name;
    std::string value;
  };
  std::vector<HeaderIs> headers{};  // all of them

  [[nodiscard]] bool matches(const Record& record) const;
};

enum class GoOn : std::uint8_t { kNo, kYes };

// What a record's value says when it is a stanza. The engine knows none; whoever does decodes it.
struct StoredStanza {
  std::string name{};  // of its message
  std::string json{};
};
using StanzaOf = std::function<std::optional<StoredStanza>(const PartitionPlace&, const Record&)>;

struct DumpRequest {
  RecordFilter filter{};
  std::optional<std::uint64_t> count_max{};
  // In offset order, partition by partition; the record is valid during the call.
  std::function<GoOn(const PartitionPlace&, const Record&)> on_record;
  // Damage that was met and passed over; a torn tail, behind which nothing is shown.
  std::function<void(const Finding&)> on_finding;
};

// kIo.
[[nodiscard]] Status dump_records(const Inventory& inventory, const DumpRequest& request);

// What is wrong with one segment of a partition, judged as verify does.
[[nodiscard]] Result<std::vector<Finding>> judge_segment(const PartitionPlace& partition,
                                                         const SegmentPlace& segment);

}  // namespace bimip::log_tools
