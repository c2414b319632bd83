// Erasure of a key from a partition: what goes, and what is remembered of it until it is proven
// gone. Design: docs/design/erasure.md.
#pragma once

#include <deque>
#include <memory>
#include <unordered_set>
#include <vector>

#include "engine/format/entity_hash.h"
#include "engine/partition/entity_requests.h"
#include "engine/partition/segment_rewrite.h"
#include "engine/segment/segment.h"

namespace bimip::engine {

// In memory only, and gone with the erasure. Thread-compatible.
class ErasedRecords {
 public:
  void add(const Record& record);

  [[nodiscard]] std::uint64_t records() const { return records_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  // Of those that had an idempotency key: as many as a table of producers can remember. They rise.
  [[nodiscard]] std::vector<Offset> idempotent() const;
  // Whether some bytes of an erased value lie here.
  static constexpr std::size_t kSampleBytes = 16;
  [[nodiscard]] bool has_sample(const std::byte* at) const;
  [[nodiscard]] bool has_samples() const { return !samples_.empty(); }

 private:
  void take_sample(Bytes value, std::size_t at);

  std::uint64_t records_ = 0;
  std::uint64_t bytes_ = 0;
  std::deque<Offset> idempotent_{};
  std::unordered_set<Hash128> samples_{};
  std::vector<bool> may_begin_ = std::vector<bool>(1U << 16U);  // with these two bytes
};

// Drops the records of one key.
class ErasureFilter final : public RecordFilter {
 public:
  ErasureFilter(std::vector<std::byte> key, std::shared_ptr<ErasedRecords> erased)
      : key_(std::move(key)), erased_(std::move(erased)) {}

  [[nodiscard]] Result<Fate> decide(const Record& record) override;

 private:
  const std::vector<std::byte> key_;
  std::shared_ptr<ErasedRecords> erased_;
};

// Whether a sealed segment may hold records of the entity: its directory says so, or knows of
// records that nobody can say whose they were. kIo, kNoSpace.
[[nodiscard]] Result<bool> may_hold(Device& device, BufferPool& pool,
                                    const SealedSegment::Place& segment, const EntityHash& entity);

}  // namespace bimip::engine
