// What a workload asked of a log and what it was told: the model that a crash's remains are held
// against.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/support/log_client.h"

namespace bimip::testing {

// Which promises a loss leaves: what was only written is promised to a process's death, not to
// power loss.
enum class Survives : std::uint8_t { kDurable, kDurableAndWritten };

// One record of an append, and what became of it as far as somebody looked.
struct SentRecord {
  std::string value;
  std::string key{};  // empty: without one
  std::optional<Timestamp> not_before{};
  std::optional<Timestamp> expires_at{};
  // The clock has shown such a time since it was sent, and may have been set back.
  bool was_due = false;
  bool had_expired = false;
  // Where it was seen in the log until its time, and where it was appended again.
  std::optional<Offset> held_at{};
  std::optional<Offset> released_at{};
};

// One append: all or none of its records are stored.
struct Sent {
  enum class State : std::uint8_t {
    kUnanswered,  // or answered with an error that leaves it open: it may have been stored
    kStored,      // acknowledged
    kRefused,     // answered: nothing was stored
  };
  std::vector<SentRecord> records;
  ProducerNumber first_number;  // of its records, all of one producer
  Durability wants = Durability::kDurable;
  State state = State::kUnanswered;
  Offset first;           // when acknowledged
  bool in_doubt = false;  // was answered with an error that leaves it open

  [[nodiscard]] bool is_promised(Survives survives) const {
    return state == State::kStored &&
           (wants == Durability::kDurable || survives == Survives::kDurableAndWritten);
  }
};

// What stands at an offset: a record as it was sent, held until its time, or appended again.
struct Standing {
  enum class Delivery : std::uint8_t { kMust, kMay, kMustNot };
  const SentRecord* record = nullptr;
  bool is_held = false;

  [[nodiscard]] bool has_expired(Timestamp now) const {
    return !is_held && record->expires_at && *record->expires_at <= now;
  }
  // To a reader, when nothing has replaced it. What had expired may be gone since.
  [[nodiscard]] Delivery delivery(Timestamp now) const {
    if (is_held || has_expired(now)) return Delivery::kMustNot;
    return record->had_expired ? Delivery::kMay : Delivery::kMust;
  }
};

// What is read of a partition after a crash.
struct Left {
  std::vector<StoredRecord> records;
  LogBounds bounds{};
  Timestamp as_of{};  // when it was read
};

// Of one partition, in the order of append(). Where records are held, somebody is to look at every
// record of the log as soon as it can be read: saw(). Thread-compatible.
class PartitionHistory {
 public:
  explicit PartitionHistory(ProducerId producer) : producer_(producer) {}

  Sent& send(std::vector<SentRecord> records, Durability wants);
  [[nodiscard]] std::deque<Sent>& sent() { return sent_; }
  [[nodiscard]] ProducerId producer() const { return producer_; }

  void clock_shows(Timestamp now);
  // The log has this record, as stored. In offset order. Empty, or why it may not stand there.
  [[nodiscard]] std::string saw(const Record& stored);
  // After a crash the log has nothing at or behind `end`. Empty, or why that breaks a promise; what
  // was promised less is not to be sent again.
  [[nodiscard]] std::string lost_from(Offset end, Survives survives);

  // The log offset by offset, when nothing that may have been stored is lost.
  [[nodiscard]] std::vector<Standing> everything() const;
  // Held, neither appended again nor expired.
  [[nodiscard]] std::vector<const SentRecord*> pending() const;
  // The offsets of each key's records below `end`, in order.
  [[nodiscard]] std::map<std::string, std::vector<Offset>> entities(Offset end) const;
  // Empty, or why this is not what may be left of it: all that was acknowledged and that retention
  // and compaction must keep, a prefix of what was appended, every append whole, at the offset it
  // was told.
  // `erased`: keys of which all may be gone, because somebody asked for it.
  [[nodiscard]] std::string contradiction(const Left& left, const TopicConfig& config,
                                          Survives survives,
                                          const std::set<std::string>& erased = {}) const;

 private:
  struct Numbered {
    const Sent& sent;
    Offset first;
    Offset end;
  };
  [[nodiscard]] std::vector<Numbered> numbered() const;
  [[nodiscard]] std::size_t find(ProducerNumber number) const;
  [[nodiscard]] const SentRecord& record_of(ProducerNumber number) const;
  [[nodiscard]] SentRecord& record_of(ProducerNumber number);
  [[nodiscard]] std::string saw_sent(const Record& stored);
  [[nodiscard]] std::string saw_released(const Record& stored, Offset held_at);
  [[nodiscard]] std::string append_contradiction(const Left& left, Survives survives) const;
  [[nodiscard]] std::string record_contradiction(const Left& left, const TopicConfig& config,
                                                 const std::set<std::string>& erased) const;
  [[nodiscard]] std::string start_contradiction(const Left& left, const TopicConfig& config) const;

  const ProducerId producer_;
  std::deque<Sent> sent_;
  std::uint64_t next_number_ = 1;
  std::vector<ProducerNumber> timed_{};          // all records that have a time
  std::map<Offset, ProducerNumber> held_{};      // by where they were seen
  std::map<Offset, ProducerNumber> released_{};  // the same
};

// Of a store. Thread-compatible.
class History {
 public:
  struct Topic {
    TopicConfig config;
    bool created = false;             // create_topic() answered so
    std::set<std::string> erased{};   // keys whose erasure was asked for
    std::set<std::string> is_gone{};  // and answered
    std::deque<PartitionHistory> partitions;
  };

  Topic& topic(const std::string& name, const TopicConfig& config);
  [[nodiscard]] std::map<std::string, Topic>& topics() { return topics_; }
  void clock_shows(Timestamp now);

  // Reads the whole store, records and entities, and holds it against this. Empty, or the first
  // contradiction. `now`: what its clock shows.
  [[nodiscard]] std::string contradiction(Log& log, LogClient& client, Survives survives,
                                          Timestamp now = {}) const;

 private:
  std::map<std::string, Topic> topics_;
};

// The fields of a sent append's records, as they are sent the first time and every time again. They
// view `sent`.
[[nodiscard]] std::vector<RecordFields> records_of(const Sent& sent, ProducerId producer);

}  // namespace bimip::testing
