// What a caller asks about the entities of a partition (the keys of a topic). Requests are the
// caller's objects, as in requests.h.
#pragma once

#include <optional>
#include <vector>

#include "engine/base/limits.h"
#include "engine/format/entity_hash.h"
#include "engine/partition/requests.h"

namespace bimip::engine {

struct EntityState {
  IncrementId last_increment{};
  Offset newest{};  // of the record with that increment; it need not be there any more
};

// An entity's newest record: O(1), without the disk while the entity is in memory.
class EntityRequest {
 public:
  TopicId topic{};
  PartitionId partition{};
  Bytes key{};

  virtual ~EntityRequest() = default;
  // Called once, inside find_entity(), on a reader thread or on the partition's writer thread: must
  // not block. It tells of records that can be read. Errors: kNotFound (no such entity, topic or
  // partition), kInvalidArgument (no key), kDamaged (what was known of it is damaged), kIo,
  // kClosed.
  virtual void on_entity(Result<EntityState> result) = 0;
};

enum class EntityGapKind : std::uint8_t {
  kRetention,   // the records are before the log's start
  kCompaction,  // a rewrite left them out: for newer records of the entity, or expired
  kExpired,     // they are there, and given to nobody any more
  kDamage,      // the records, or what leads to them, cannot be read
};

// Increments of the entity without a record.
struct EntityGap {
  EntityGapKind kind{};
  IncrementId first{};
  IncrementId last{};
  OffsetRange offsets{};  // where the records were
  friend bool operator==(const EntityGap&, const EntityGap&) = default;
};

// Consecutive increments of one entity: its records and the gaps between them. Immutable; shares
// the blocks the records are in, which live as long as it.
class EntityBatch {
 public:
  struct Parts {
    std::vector<BlockRef> blocks{};
    std::vector<Record> records{};
    std::vector<EntityGap> gaps{};
    IncrementId last_increment{};
    IncrementId next{};
  };
  EntityBatch() = default;
  explicit EntityBatch(Parts parts) : parts_(std::move(parts)) {}

  // In the order asked for.
  [[nodiscard]] const std::vector<Record>& records() const { return parts_.records; }
  [[nodiscard]] const std::vector<EntityGap>& gaps() const { return parts_.gaps; }
  // Of the entity, when it was read.
  [[nodiscard]] IncrementId last_increment() const { return parts_.last_increment; }
  // Where reading goes on in the same direction; behind the last increment, or 0 backwards, at the
  // end.
  [[nodiscard]] IncrementId next() const { return parts_.next; }

 private:
  Parts parts_{};
};

enum class EntityOrder : std::uint8_t { kOldestFirst, kNewestFirst };

// Records that have expired are gaps, as for all who are delivered something; or they are answered
// like others, for who tells what became of them.
enum class ExpiredRecords : std::uint8_t { kLeftOut, kIncluded };

// An entity's records in the order of their increments: costs those records, not a scan.
class EntityReadRequest {
 public:
  TopicId topic{};
  PartitionId partition{};
  Bytes key{};
  EntityOrder order = EntityOrder::kOldestFirst;
  // Oldest first: the first increment. Newest first: the last one; nothing: the newest.
  std::optional<IncrementId> from{};
  std::size_t records_max = limits::kEntityRecordsPerRead;
  std::size_t bytes_max = 1024 * 1024;  // at least one record is read, whatever its size
  ExpiredRecords expired = ExpiredRecords::kLeftOut;

  virtual ~EntityReadRequest() = default;
  // Called once, as on_entity(). Reading behind the last increment answers an empty batch. Errors
  // as there; damaged records are gaps.
  virtual void on_entity_read(Result<EntityBatch> result) = 0;
};

struct EntityInfo {
  EntityHash hash{};
  std::vector<std::byte> key{};  // empty when the newest record is not there any more
  EntityState state{};
};

// The entities of a partition, a page at a time, in the order of their hashes: each that was there
// all the while comes once.
class EntityListRequest {
 public:
  TopicId topic{};
  PartitionId partition{};
  EntityHash from{};  // zero, then the `next` of the page before
  std::size_t entities_max = limits::kEntityRecordsPerRead;

  struct Page {
    std::vector<EntityInfo> entities{};
    std::optional<EntityHash> next{};  // nothing at the end
  };
  virtual ~EntityListRequest() = default;
  // Called once, on a reader thread. Errors: kNotFound, kDamaged, kIo, kClosed.
  virtual void on_entities(Result<Page> result) = 0;
};

// What an erasure removed, and what was read to prove that nothing is left.
struct Erased {
  std::uint64_t records = 0;  // of the key
  std::uint64_t record_bytes = 0;
  std::uint64_t segments_rewritten = 0;
  std::uint64_t side_files_removed = 0;
  std::uint64_t files_proven = 0;
  std::uint64_t bytes_proven = 0;
  // Records of other keys that mention the key: somebody else's words, and still there.
  std::uint64_t mentions = 0;
};

// Removes every record of a key from every partition of a topic, and all that is known of it; then
// reads every byte of those partitions' files again. While a partition works on it, appends to the
// key are refused there with kBusy; one that comes later begins with increment 1, as of a key that
// never was. What is asked for is written down nowhere: after a crash it is asked for again.
class EraseRequest {
 public:
  TopicId topic{};
  Bytes key{};

  virtual ~EraseRequest() = default;
  // Called once, inside erase_entity() or on a writer thread: must not block. An answer without an
  // error: no file of the topic's partitions holds anything of the key, durably. Errors: kNotFound,
  // kInvalidArgument: as it is, never. kNoSpace, kBusy, kIo, kDegraded, kClosed: some of it may be
  // gone; ask again. kDamaged: a segment cannot be written anew, or something of the key was found
  // that cannot be removed; the message names the file.
  virtual void on_erased(Result<Erased> result) = 0;
};

}  // namespace bimip::engine
