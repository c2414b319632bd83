// Opens a partition: finds its log's end, cuts a torn tail, names damage. Reasons and proofs:
// docs/design/recovery.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/device/device.h"
#include "engine/entity/entity_index.h"
#include "engine/partition/held_records.h"
#include "engine/partition/producer_table.h"
#include "engine/partition/segment_keeper.h"
#include "engine/segment/segment.h"

namespace bimip::engine {

// Stored records that cannot be read. The bytes stay where they are.
struct DamagedRange {
  Epoch epoch{};
  FilePosition from{};  // damaged bytes: [from, end)
  FilePosition end{};
  OffsetRange offsets{};  // empty when the damaged block held no record
  std::string why{};
};

// Bytes above the durable offset that were cut off, and the side file that keeps them.
struct TornTail {
  Epoch epoch{};
  FilePosition from{};
  FilePosition end{};
  Path kept_in{};
};

// What opening a partition found and did.
struct PartitionReport {
  TopicId topic{};
  PartitionId partition{};
  Offset log_end{};
  bool clean = false;  // the log ended with a block that vouches for all before it
  std::uint64_t bytes_read = 0;
  std::vector<TornTail> torn{};
  std::vector<DamagedRange> damaged{};
  std::vector<std::string>
      notes;  // derived files that were missing or wrong, files that do not belong here
};

struct RecoveredPartition {
  std::unique_ptr<SegmentKeeper> keeper;
  std::shared_ptr<ActiveSegment> active{};
  FilePosition allocated_end{};
  std::optional<SegmentSpace> prepared{};
  LogTail tail{};
  SegmentTotals totals{};
  Timestamp last_timestamp{};  // of the newest record in the partition
  ProducerTable producers;
  HeldRecords held;
  std::unique_ptr<EntityIndex> entities{};
  PartitionReport report;
};

// Who syncs the files of a partition whose recovery begins and ends.
enum class SyncedBy : std::uint8_t {
  kRecovery,
  kCaller,  // of many partitions together: before the first begins, and after the last has ended
};

struct RecoveryOptions {
  // The offsets below were readable before: what of them is missing is a gap and not a torn tail.
  Offset known_durable{};
  SyncedBy synced_by = SyncedBy::kRecovery;
};

// Idempotent, also when it is cut short by a crash: nothing is overwritten before it is durable
// elsewhere, but by itself. Reads the manifest, the newest checkpoint and what was written after
// it, not the data. Everything it answers is durable, also after a write or sync that failed, once
// whoever syncs has. kDamaged, kForeign: the manifest, without which nothing is believed.
// kUnsupportedVersion: the manifest, a header or a block of a later program;
// nothing was changed in that file. kIo, kNoSpace.
[[nodiscard]] Result<RecoveredPartition> recover_partition(Device& device, BufferPool& pool,
                                                           const SegmentKeeper::Place& place,
                                                           Timestamp now,
                                                           const RecoveryOptions& options = {});

}  // namespace bimip::engine
