// What one subscription has delivered, and what it may deliver.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/types.h"

namespace bimip::frontend {

using engine::Offset;
using engine::OffsetRange;

// One partition's part of it.
struct Cursor {
  engine::PartitionId partition{};
  Offset next{};         // to be delivered
  Offset visible_end{};  // as last heard
  bool fetching = false;
  bool behind = false;  // there was more to read when the last records were delivered
  bool stuck = false;   // reading failed; tried again when the partition moves on
  // Delivered and not acknowledged, in order, each without a hole.
  std::deque<OffsetRange> unacknowledged{};

  [[nodiscard]] bool has_more() const { return next < visible_end && !fetching && !stuck; }
  void delivered(OffsetRange range);
  // Everything below `end` was processed; answers how many records that frees.
  [[nodiscard]] std::uint64_t acknowledge(Offset end);
};

// Credit is shared by its partitions. A plain value: the subscriber moves it.
struct Subscription {
  std::uint64_t id = 0;
  engine::TopicId topic{};
  std::string topic_name{};
  std::uint64_t credit = 0;
  std::uint64_t unacknowledged = 0;  // credit and this together are bounded
  std::vector<Cursor> cursors{};
  std::size_t turn = 0;        // of the cursor to be served next
  std::size_t placing = 0;     // cursors whose start is not yet known
  std::uint64_t request = 0;   // the Subscribe to be answered
  std::vector<Offset> ends{};  // of the partitions, as Subscribed says

  [[nodiscard]] Cursor* find(engine::PartitionId partition);
};

}  // namespace bimip::frontend
