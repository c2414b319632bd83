// What one subscription has delivered, and what it may deliver.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/types.h"
#include "engine/store/log.h"
#include "frontend/services/broker/broker.h"
#include "frontend/services/broker/ledger.h"
#include "frontend/session/record_filter.h"

namespace bimip::frontend {

class StateHash;

using engine::Offset;
using engine::OffsetRange;

// How a cursor that the peer presented was taken up. The numbers are bimip.v1.Resume's.
enum class Resume : std::uint8_t {
  kNone = 0,
  kExact = 1,
  kFromRetention = 2,
  kEpochChanged = 3,
};

// Where a peer wants to go on.
struct Presented {
  Offset next{};
  std::uint64_t epoch = 0;  // 0: not known
};

// One partition's part of it.
struct Cursor {
  engine::PartitionId partition{};
  std::uint64_t life =
      0;                 // tells the partition's later stay in the subscription from an earlier one
  Offset next{};         // to be delivered
  Offset visible_end{};  // as last heard
  Resume resume = Resume::kNone;
  OffsetRange lost{};    // of kFromRetention
  bool placing = false;  // where it starts is not yet known
  bool fetching = false;
  bool behind = false;   // there was more to read when the last records were delivered
  bool stuck = false;    // reading failed; tried again when the partition moves on
  bool started = false;  // the peer was told where it begins
  std::optional<Offset> tells_end_at{};  // the peer is told when `next` comes there
  Ledger ledger{};                       // delivered and not acknowledged
  // Of a group's: nothing more is delivered, and what is out is awaited until then.
  std::optional<std::chrono::nanoseconds> let_go_at{};
  std::vector<DeliveredRange> attempts{};  // of members before, behind the group's cursor
  std::optional<Offset> committed{};       // as last told the broker
  // Acknowledgements to be answered, whose records the position has not passed.
  struct Waiting {
    std::uint64_t id = 0;
    Offset end{};  // of the last record that it names
  };
  std::vector<Waiting> waiting{};

  [[nodiscard]] bool has_more() const {
    return next < visible_end && !placing && !fetching && !stuck && !let_go_at;
  }
  // Everything below it was acknowledged, or is not wanted.
  [[nodiscard]] Offset position() const { return ledger.lowest().value_or(next); }
  void mix_into(StateHash& hash) const;
  // How often members before had it.
  [[nodiscard]] std::uint32_t attempts_of(Offset offset) const;
};

// Where a partition begins for which the group has no cursor, or there is no group.
struct StartRule {
  enum class Kind : std::uint8_t { kEarliest, kLatest, kOffset, kTime, kLast, kCursors };
  Kind kind = Kind::kLatest;
  Offset offset{};
  std::uint64_t last = 0;
  engine::Timestamp time{};
};

// A record that is not acknowledged in time is delivered again, and put aside in the end.
struct RedeliveryRule {
  std::chrono::nanoseconds after{};  // zero: only when it is rejected
  std::uint32_t deliveries_max = 0;  // zero: no end
  std::optional<engine::TopicInfo> dead_letters{};
};

class GroupSeat;

// Credit is shared by its partitions. The subscriber moves it.
struct Subscription {
  Subscription();
  ~Subscription();
  Subscription(Subscription&&) noexcept;
  Subscription& operator=(Subscription&&) noexcept;

  std::uint64_t id = 0;
  engine::TopicId topic{};
  std::uint64_t epoch = 0;  // of the topic's offsets
  std::string topic_name{};
  StartRule start{};
  std::optional<RecordFilter> filter{};
  bool acknowledges_itself = false;  // what was sent counts as acknowledged, and takes no credit
  bool tells_end = false;
  RedeliveryRule redelivery{};
  std::unique_ptr<GroupSeat> seat{};  // none: it is in no group
  std::uint64_t credit = 0;
  std::uint64_t unacknowledged = 0;  // credit and this together are bounded
  std::vector<Cursor> cursors{};
  std::size_t turn = 0;                           // of the cursor to be served next
  std::size_t placing = 0;                        // cursors whose start is not yet known
  std::uint64_t request = 0;                      // the Subscribe to be answered; zero: it was
  std::uint64_t generation = 0;                   // of the group, as last heard
  std::vector<engine::PartitionId> told_taken{};  // of an Assignment that waits for its starts
  std::uint64_t last_life = 0;

  [[nodiscard]] Cursor* find(engine::PartitionId partition);
  [[nodiscard]] bool may_deliver() const { return acknowledges_itself || credit > 0; }
  void mix_into(StateHash& hash) const;
};

}  // namespace bimip::frontend
