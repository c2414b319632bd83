// A store's life from a seed: topics, producers, consumers, time, faults and power cuts at random,
// held against an in-memory model all the way. The rules: docs/design/proofs.md.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/device/sim_device.h"
#include "engine/store/store.h"
#include "tests/engine/crash/history.h"
#include "tests/support/manual_clock.h"

namespace bimip::testing {

// The same seed lives the same life, on every machine. Owner-thread only.
class Simulation {
 public:
  explicit Simulation(std::uint64_t seed);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // Empty, or the first broken promise.
  [[nodiscard]] std::string run(int actions);

  struct Counts {
    std::uint64_t appends = 0;
    std::uint64_t reads = 0;
    std::uint64_t crashes = 0;
    std::uint64_t crashes_in_recovery = 0;
    std::uint64_t restarts = 0;
    std::uint64_t faults = 0;
    std::uint64_t compactions = 0;
    std::uint64_t rewrites = 0;
    std::uint64_t bytes_freed = 0;
    std::uint64_t cut_short = 0;  // lives
    // Records by their times, each life of the store by itself.
    std::uint64_t held = 0;      // until their time
    std::uint64_t released = 0;  // when it had come
    std::uint64_t waited = 0;    // through a restart or a crash, and were still held
    std::uint64_t expired = 0;   // that a consumer passed over
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  class Request;
  struct Partition {
    std::string topic;
    PartitionId number;
    PartitionHistory* history;
    std::optional<TopicId> id{};  // in this life of the store
    Offset cursor{};              // of its consumer: the next offset to read
    Offset observed{};            // of whoever looks at every record once it can be read
    bool failed = false;          // an append is in doubt: it is sent again before any other
  };

  void act();
  void idle();
  void make_topic();
  [[nodiscard]] std::string some_key();
  [[nodiscard]] SentRecord some_record(std::string value);
  void append();
  void send(Partition& partition, Sent& sent);
  void consume();
  void inject();
  void check_read(Partition& partition, const TopicConfig& config, const RecordBatch& batch);
  void pass(std::chrono::microseconds time);
  void step_wall(std::chrono::microseconds time);
  void work(std::uint64_t rounds);
  void settle();
  void observe();
  void observe(Partition& partition);
  void answered(Partition& partition, Sent& sent, const Result<Appended>& result);

  [[nodiscard]] std::string open();
  void close();
  void crash();
  void restart();
  void recover_and_check(Survives survives);
  void adopt(Partition& partition, Survives survives);
  void send_again();
  void note_removed();
  void release_all();
  void finish();
  void broken(const std::string& why);
  [[nodiscard]] LogClient client();

  Random random_;
  ManualClock clock_;
  std::unique_ptr<SimDevice> device_;
  History history_;
  std::vector<std::unique_ptr<Partition>> partitions_;
  std::vector<std::unique_ptr<Request>> requests_;
  std::unique_ptr<Store> store_;
  bool lost_track_ = false;  // the life ends early: the model does not know what stands where
  bool faulted_ = false;     // since the store was opened
  Counts counts_;
  std::string broken_;
};

}  // namespace bimip::testing
