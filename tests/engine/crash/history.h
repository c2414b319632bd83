// What a workload asked of a log and what it was told: the model that a crash's remains are held
// against.
#pragma once

#include <deque>
#include <map>
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
  ProducerNumber first_number;  // of its records, all of one producer
  Durability wants = Durability::kDurable;
  State state = State::kUnanswered;
  Offset first;           // when acknowledged
  bool in_doubt = false;  // was answered with an error that leaves it open
};

// Of one partition, in the order of append(). Thread-compatible.
class PartitionHistory {
 public:
  explicit PartitionHistory(ProducerId producer) : producer_(producer) {}

  Sent& send(std::vector<std::string> values, Durability wants);
  [[nodiscard]] std::deque<Sent>& sent() { return sent_; }
  [[nodiscard]] ProducerId producer() const { return producer_; }

  // The records of the log, offset by offset, when nothing that may have been stored is lost.
  [[nodiscard]] std::vector<std::string> everything() const;
  // Empty, or why these records, read from the log's start, are not what may be left: all that was
  // acknowledged, a prefix of what was appended, every append whole, at the offset it was told.
  [[nodiscard]] std::string contradiction(const std::vector<StoredRecord>& records,
                                          Survives survives) const;

 private:
  const ProducerId producer_;
  std::deque<Sent> sent_;
  std::uint64_t next_number_ = 1;
};

// Of a store. Thread-compatible.
class History {
 public:
  struct Topic {
    TopicConfig config;
    bool created = false;  // create_topic() answered so
    std::deque<PartitionHistory> partitions;
  };

  Topic& topic(const std::string& name, const TopicConfig& config);
  [[nodiscard]] std::map<std::string, Topic>& topics() { return topics_; }

  // Reads the whole store and holds it against this. Empty, or the first contradiction.
  [[nodiscard]] std::string contradiction(Log& log, LogClient& client, Survives survives) const;

 private:
  std::map<std::string, Topic> topics_;
};

// The fields of a sent append's records, as they are sent the first time and every time again. They
// view `sent`.
[[nodiscard]] std::vector<RecordFields> records_of(const Sent& sent, ProducerId producer);

}  // namespace bimip::testing
