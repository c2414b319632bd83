// What a workload asked of a log and what it was told: the model that a crash's remains are held
// against.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/log_client.h"

namespace bimip::testing {

// Which promises a loss leaves: what was only written is promised to a process's death, not to
// power loss.
enum class Survives : std::uint8_t { kDurable, kDurableAndWritten };

// One append: all or none of its records are stored.
struct Sent {
  enum class State : std::uint8_t {
    kUnanswered,  // or answered with an error that leaves it open: it may have been stored
    kStored,      // acknowledged
    kRefused,     // answered: nothing was stored
  };
  std::vector<std::string> values;
  std::vector<std::string> keys;  // of the values; empty: without one
  ProducerNumber first_number;    // of its records, all of one producer
  Durability wants = Durability::kDurable;
  State state = State::kUnanswered;
  Offset first;           // when acknowledged
  bool in_doubt = false;  // was answered with an error that leaves it open
};

// What is read of a partition after a crash.
struct Left {
  std::vector<StoredRecord> records;
  LogBounds bounds{};
};

// Of one partition, in the order of append(). Thread-compatible.
class PartitionHistory {
 public:
  explicit PartitionHistory(ProducerId producer) : producer_(producer) {}

  Sent& send(std::vector<std::string> values, Durability wants, std::vector<std::string> keys = {});
  [[nodiscard]] std::deque<Sent>& sent() { return sent_; }
  [[nodiscard]] ProducerId producer() const { return producer_; }

  // The records of the log, offset by offset, when nothing that may have been stored is lost.
  [[nodiscard]] std::vector<std::string> everything() const;
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
  struct Numbered;
  [[nodiscard]] std::vector<Numbered> numbered() const;
  [[nodiscard]] std::string start_contradiction(const Left& left, const TopicConfig& config) const;

  const ProducerId producer_;
  std::deque<Sent> sent_;
  std::uint64_t next_number_ = 1;
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

  // Reads the whole store, records and entities, and holds it against this. Empty, or the first
  // contradiction.
  [[nodiscard]] std::string contradiction(Log& log, LogClient& client, Survives survives) const;

 private:
  std::map<std::string, Topic> topics_;
};

// The fields of a sent append's records, as they are sent the first time and every time again. They
// view `sent`.
[[nodiscard]] std::vector<RecordFields> records_of(const Sent& sent, ProducerId producer);

}  // namespace bimip::testing
