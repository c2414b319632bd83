// Blocking calls over the asynchronous Log, for tests.
#pragma once

#include <functional>
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/store/log.h"

namespace bimip::testing {

using namespace bimip::engine;  // NOLINT: tests read better without it

struct StoredRecord {
  std::uint64_t offset = 0;
  std::string key;
  std::string value;
  friend bool operator==(const StoredRecord&, const StoredRecord&) = default;
};

// A request whose one answer is kept until somebody takes it.
template <typename Request, typename Answer>
class Pending : public Request {
 public:
  [[nodiscard]] bool done() const { return done_.load(std::memory_order_acquire); }
  Result<Answer>& answer() { return *answer_; }

 protected:
  void keep(Result<Answer> answer) {
    answer_ = std::move(answer);
    done_.store(true, std::memory_order_release);
  }

 private:
  std::optional<Result<Answer>> answer_;
  std::atomic<bool> done_{false};
};

class PendingAppend final : public Pending<AppendRequest, Appended> {
 public:
  explicit PendingAppend(std::vector<RecordFields> fields) : fields_(std::move(fields)) {
    records = fields_;
  }
  void on_appended(Result<Appended> result) override { keep(std::move(result)); }

 private:
  std::vector<RecordFields> fields_;
};

class PendingRead final : public Pending<ReadRequest, RecordBatch> {
 public:
  void on_read(Result<RecordBatch> result) override { keep(std::move(result)); }
};

class PendingTime final : public Pending<TimeRequest, Offset> {
 public:
  void on_found(Result<Offset> result) override { keep(std::move(result)); }
};

class PendingEntity final : public Pending<EntityRequest, EntityState> {
 public:
  void on_entity(Result<EntityState> result) override { keep(std::move(result)); }
};

class PendingEntityRead final : public Pending<EntityReadRequest, EntityBatch> {
 public:
  void on_entity_read(Result<EntityBatch> result) override { keep(std::move(result)); }
};

class PendingEntityList final : public Pending<EntityListRequest, EntityListRequest::Page> {
 public:
  void on_entities(Result<EntityListRequest::Page> result) override { keep(std::move(result)); }
};

class PendingErase final : public Pending<EraseRequest, Erased> {
 public:
  void on_erased(Result<Erased> result) override { keep(std::move(result)); }
};

inline RecordFields value_record(std::string_view value, std::string_view key = {}) {
  RecordFields fields;
  fields.key = as_bytes(key);
  fields.value = as_bytes(value);
  return fields;
}

// Waits for answers; `drive` is called meanwhile, for a log that has no threads of its own.
class LogClient {
 public:
  explicit LogClient(
      Log& log, std::function<void()> drive = [] { std::this_thread::yield(); })
      : log_(log), drive_(std::move(drive)) {}

  Result<Appended> append(TopicId topic, std::vector<RecordFields> fields,
                          PartitionId partition = PartitionId(0),
                          std::optional<Durability> durability = {}) {
    PendingAppend request(std::move(fields));
    request.topic = topic;
    request.partition = partition;
    request.durability = durability;
    log_.append(request);
    return wait(request);
  }
  Result<Appended> append(TopicId topic, std::string_view value,
                          PartitionId partition = PartitionId(0)) {
    return append(topic, std::vector{value_record(value)}, partition);
  }

  Result<RecordBatch> read(TopicId topic, Offset from, PartitionId partition = PartitionId(0),
                           std::size_t bytes_max = 1024 * 1024) {
    PendingRead request;
    request.topic = topic;
    request.partition = partition;
    request.from = from;
    request.bytes_max = bytes_max;
    log_.read(request);
    return wait(request);
  }

  Result<Offset> find_time(TopicId topic, Timestamp time, PartitionId partition = PartitionId(0)) {
    PendingTime request;
    request.topic = topic;
    request.partition = partition;
    request.time = time;
    log_.find_time(request);
    return wait(request);
  }

  Result<EntityState> find_entity(TopicId topic, std::string_view key,
                                  PartitionId partition = PartitionId(0)) {
    PendingEntity request;
    request.topic = topic;
    request.partition = partition;
    request.key = as_bytes(key);
    log_.find_entity(request);
    return wait(request);
  }

  struct EntityRead {
    EntityOrder order = EntityOrder::kOldestFirst;
    std::optional<IncrementId> from{};
    std::size_t records_max = limits::kEntityRecordsPerRead;
  };
  Result<EntityBatch> read_entity(TopicId topic, std::string_view key, const EntityRead& wanted,
                                  PartitionId partition = PartitionId(0)) {
    PendingEntityRead request;
    request.topic = topic;
    request.partition = partition;
    request.key = as_bytes(key);
    request.order = wanted.order;
    request.from = wanted.from;
    request.records_max = wanted.records_max;
    log_.read_entity(request);
    return wait(request);
  }

  Result<EntityListRequest::Page> list_entities(TopicId topic, EntityHash from, std::size_t max,
                                                PartitionId partition = PartitionId(0)) {
    PendingEntityList request;
    request.topic = topic;
    request.partition = partition;
    request.from = from;
    request.entities_max = max;
    log_.list_entities(request);
    return wait(request);
  }

  struct Everything {
    std::vector<StoredRecord> records;
    std::vector<OffsetRange> gaps;
  };
  // From `from` to the end; damage is noted and passed over.
  Result<Everything> read_all(TopicId topic, PartitionId partition = PartitionId(0),
                              Offset from = Offset(0)) {
    Everything all;
    while (true) {
      Result<RecordBatch> batch = read(topic, from, partition);
      if (!batch && batch.error().code == ErrorCode::kDamaged) {
        all.gaps.push_back(batch.error().range);
        from = batch.error().range.end;
        continue;
      }
      if (!batch) return std::unexpected(batch.error());
      if (batch->range().first == batch->range().end) return all;
      Status read = batch->for_each([&](const Record& record) {
        all.records.push_back({.offset = record.offset.value(),
                               .key = std::string(as_text(record.key)),
                               .value = std::string(as_text(record.value))});
      });
      if (!read) return std::unexpected(read.error());
      from = batch->range().end;
    }
  }

 private:
  template <typename Request, typename Answer>
  Result<Answer> wait(Pending<Request, Answer>& request) {
    while (!request.done()) drive_();
    return std::move(request.answer());
  }

  Log& log_;
  std::function<void()> drive_;
};

}  // namespace bimip::testing
