// Records on their way to the log that nobody need hold.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/store/log.h"
#include "frontend/services/in_flight.h"

namespace bimip::frontend {

struct KeyedRecord {
  std::string key{};
  std::string value{};
  std::string once{};  // its idempotency key; empty: none
  bool is_tombstone = false;
};

// Owns itself until it is answered. All of the records survive a crash, or none.
class OwnAppend final : public engine::AppendRequest {
 public:
  // Called once, on any thread: must not block.
  using Then = std::move_only_function<void(const engine::Result<engine::Appended>&)>;

  struct Way {
    engine::Log& log;
    engine::TopicId topic{};
    InFlight& in_flight;
    engine::PartitionId partition{};
  };
  static void begin(const Way& way, std::vector<KeyedRecord> records, Then then) {
    auto append = std::unique_ptr<OwnAppend>(
        new OwnAppend(way.in_flight, std::move(records), std::move(then)));
    append->topic = way.topic;
    append->partition = way.partition;
    way.in_flight.begun();
    way.log.append(*append.release());
  }
  void on_appended(engine::Result<engine::Appended> result) override {
    const std::unique_ptr<OwnAppend> self(this);
    then_(result);
    in_flight_.ended();
  }

 private:
  OwnAppend(InFlight& in_flight, std::vector<KeyedRecord> own, Then then)
      : in_flight_(in_flight), own_(std::move(own)), then_(std::move(then)) {
    for (const KeyedRecord& record : own_) {
      fields_.push_back(
          {.key = engine::as_bytes(record.key), .idempotency_key = engine::as_bytes(record.once)});
      if (record.is_tombstone) {
        fields_.back().kind = engine::RecordKind::kTombstone;
      } else {
        fields_.back().value = engine::as_bytes(record.value);
      }
    }
    records = fields_;
  }

  InFlight& in_flight_;
  const std::vector<KeyedRecord> own_;
  std::vector<engine::RecordFields> fields_;
  Then then_;
};

}  // namespace bimip::frontend
