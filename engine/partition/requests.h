// What a caller asks of a partition. Each request is an object of the caller's, given by reference
// and kept, with everything it views, until its one answer; so that a request costs the log no
// allocation.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/types.h"
#include "engine/format/record.h"
#include "engine/format/topic_config.h"
#include "engine/segment/block.h"

namespace bimip::engine {

class Partition;

struct Appended {
  Offset first{};  // of the request's first record; the others follow it one by one ...
  // ... unless some of the records were retries of stored ones: then one offset a record.
  std::vector<Offset> offsets{};

  [[nodiscard]] Offset at(std::size_t record) const {
    return offsets.empty() ? first + record : offsets[record];
  }
};

// Records to be stored together: all or none of them survive a crash, their new offsets are
// contiguous. A record that carries a producer mark or an idempotency key which the log remembers
// is not stored again; it is answered with the offset it has.
class AppendRequest {
 public:
  TopicId topic{};
  PartitionId partition{};
  // A record with a time that has not come is held until then: docs/design/delay.md.
  // At least one; together at most limits::kBlockBytesMax with the block's header. Timestamps and
  // entity links are the log's to set: what the caller puts there is ignored.
  std::span<const RecordFields> records;
  // Its producer will not send again what it numbered below this: what the log remembers of those
  // numbers can go. Zero: it does not say.
  ProducerNumber settled_below{};
  // Less than the topic's is allowed, more too; nothing: the topic's.
  std::optional<Durability> durability{};

  virtual ~AppendRequest() = default;
  // Called once, in offset order within the partition, on the partition's writer thread (or inside
  // append() for a refusal): must not block. The request may be destroyed or appended again inside.
  // Errors: kInvalidArgument, kTooLarge, kNotFound: as it is, never. kBusy, kNoSpace: nothing was
  // stored, retry later. kSuperseded: the number is older than those remembered. kDegraded,
  // kClosed: it may or may not have been stored. kTooManyHeld: nothing was stored.
  virtual void on_appended(Result<Appended> result) = 0;
  // Asked once, on the partition's writer thread, in the order of append(), just before the request
  // is taken; true refuses it with kBusy. For a caller whose later requests must not overtake one
  // that was refused.
  virtual bool is_withdrawn() { return false; }

 private:
  friend class RequestQueue;
  friend class RequestList;
  friend class Partition;
  friend class PartitionWriter;
  friend class WriterLoop;
  AppendRequest* next_ = nullptr;
  Partition* target_ = nullptr;
  std::size_t payload_bytes_ = 0;
};

// Some consecutive records. Immutable; shares the blocks they are in.
class RecordBatch {
 public:
  RecordBatch() = default;
  // `as_of`: of when expiry is told.
  RecordBatch(std::vector<BlockRef> blocks, OffsetRange range, Timestamp as_of)
      : blocks_(std::move(blocks)), range_(range), as_of_(as_of) {}

  // Offsets covered: reading goes on at range().end. An offset inside without a record was
  // compacted away, or its record is held until its time, or has expired.
  [[nodiscard]] OffsetRange range() const { return range_; }
  [[nodiscard]] const std::vector<BlockRef>& blocks() const { return blocks_; }
  [[nodiscard]] Timestamp as_of() const { return as_of_; }

  // Calls `visit(const Record&)` for each that may be delivered, in order. The record's views live
  // as long as this batch. Whoever keeps the batch for a while looks again with has_expired().
  template <typename Visit>
  Status for_each(Visit&& visit) const {
    return for_each_stored([&](const Record& record) {
      if (!is_held(record) && !has_expired(record, as_of_)) visit(record);
    });
  }
  // The same of all that are stored.
  template <typename Visit>
  Status for_each_stored(Visit&& visit) const {
    for (const BlockRef& block : blocks_) {
      RecordCursor records = block->records();
      while (!records.done()) {
        Result<Record> record = records.next();
        if (!record) return std::unexpected(std::move(record.error()));
        if (record->offset >= range_.first && record->offset < range_.end) visit(*record);
      }
    }
    return {};
  }

 private:
  std::vector<BlockRef> blocks_{};
  OffsetRange range_{};
  Timestamp as_of_{};
};

struct LogBounds {
  Offset start{};        // first readable
  Offset visible_end{};  // one past the last readable: durable on a durable topic
  Offset durable_end{};  // everything below survives power loss
};

class ReadRequest {
 public:
  TopicId topic{};
  PartitionId partition{};
  Offset from{};
  std::size_t bytes_max = 1024 * 1024;  // at least one block is read, whatever its size

  virtual ~ReadRequest() = default;
  // Called once, inside read() when the records are in memory, else on a reader thread. Reading at
  // visible_end answers an empty batch. Errors: kOutOfRange (range: what is readable), kDamaged
  // (range: what is not; reading can go on at range.end), kNotFound, kIo, kClosed.
  virtual void on_read(Result<RecordBatch> result) = 0;
};

// The first record whose timestamp is not before `time`; the log's end when there is none.
class TimeRequest {
 public:
  TopicId topic{};
  PartitionId partition{};
  Timestamp time;

  virtual ~TimeRequest() = default;
  // Called once, on a reader thread or inside the call.
  virtual void on_found(Result<Offset> result) = 0;
};

// Something to be done once for many answers and advances: waking the thread that waits for them.
class Wakeup {
 public:
  virtual ~Wakeup() = default;
  // Must not block.
  virtual void wake() = 0;
};
// From inside on_appended() or on_advanced(): wakes at the end of the writer's round, when every
// answer of the round has been given; anywhere else at once. `wakeup` outlives the log's last
// answer.
void wake_after_answers(Wakeup& wakeup);

// Brings a partition back that refuses writes, or that could not be opened.
class ReopenRequest {
 public:
  TopicId topic{};
  PartitionId partition{};

  virtual ~ReopenRequest() = default;
  // Called once, on the partition's writer thread or inside reopen(). Success: the partition takes
  // appends; it may never have been in trouble. Otherwise why it still does not: what is readable
  // stays readable, and it can be tried again.
  virtual void on_reopened(Status result) = 0;
};

// What keeps a partition from taking appends.
struct PartitionTrouble {
  enum class Reads : std::uint8_t {
    kServed,   // what was visible can be read
    kRefused,  // it could not be opened: nothing can
  };
  TopicId topic{};
  PartitionId partition{};
  Reads reads = Reads::kServed;
  Error error{};
};

// Told when a partition's visible end moves on.
class Watcher {
 public:
  virtual ~Watcher() = default;
  // On the partition's writer thread: must not block, must not call watch() or unwatch().
  virtual void on_advanced(TopicId topic, PartitionId partition, Offset visible_end) = 0;
  // A record of this key can be read now that was held until its time. The same.
  virtual void on_released(TopicId /*topic*/, PartitionId /*partition*/, Bytes /*key*/) {}
};

}  // namespace bimip::engine
