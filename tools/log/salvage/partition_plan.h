// Decides, for one partition, which of the blocks that were found are its log, and which offsets
// are lost. Page: docs/design/salvage.md.
#pragma once

#include <map>
#include <set>

#include "tools/log/salvage/evidence.h"

namespace bimip::log_tools {

// How far a block's surroundings agree with what it says of itself; the lower the better.
enum class Standing : std::uint8_t {
  kListed,     // in its segment's file, in its partition's folder, and the manifest lists it
  kInPlace,    // the same, but for the manifest
  kElsewhere,  // at its position, in a file that is not where its segment's file belongs
  kMisplaced,  // at another position, in a side file, in one that was never finished
  kCutOff,     // among bytes that recovery cut off behind the log's end: not of the log
};

struct Candidate {
  const BlockEvidence* block = nullptr;
  Standing standing = Standing::kElsewhere;
};

// Everything that was found of one partition. Views the Evidence it was made from.
struct PartitionEvidence {
  SegmentIdentity identity{};            // its epoch is zero
  bool may_have_lost_its_start = false;  // retention removes segments, or nobody knows whether
  std::vector<Candidate> blocks{};
  std::vector<const SegmentHeader*> headers{};
  std::vector<const SegmentFooter*> footers{};
  const Manifest* manifest = nullptr;
  std::vector<const ProducerState*> producers{};
  std::vector<const Checkpoint*> checkpoints{};
  std::vector<IndexSpan> indexes{};
  std::vector<const FileEvidence*> entity_bases{};
  LossTable losses{};
  Epoch last_epoch{};  // the highest that anything of it names
};

// A block that checks and is not taken into the log.
struct Doubt {
  const BlockEvidence* block = nullptr;
  std::string why{};
};

struct Gap {
  OffsetRange offsets{};
  bool was_durable = false;                // something proves that all of it was
  std::optional<Timestamp> after{};        // the newest record before it
  std::optional<Timestamp> before{};       // the oldest record behind it
  std::optional<Timestamp> recorded_at{};  // an earlier salvage found it
};

struct PartitionPlan {
  SegmentIdentity identity{};
  Offset log_start{};
  Offset log_end{};
  std::vector<const BlockEvidence*> blocks{};  // the log, in order
  std::vector<Gap> gaps{};
  std::vector<Doubt> doubts{};
  std::uint64_t superseded = 0;  // blocks of earlier lives of segments that later ones replaced
  std::vector<std::string> notes{};
  ProducerState producers{};                  // as the newest table that was found has it
  Offset producers_until{};                   // records from here on are to be added to it
  const FileEvidence* entity_base = nullptr;  // the one that knows most
  Epoch next_epoch{1};
};

// Pure: reads nothing.
[[nodiscard]] PartitionPlan plan_partition(const PartitionEvidence& evidence);

}  // namespace bimip::log_tools
