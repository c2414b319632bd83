// One partition by itself, on the simulated device, with every event under the test's hand.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/device/sim_device.h"
#include "engine/format/file_names.h"
#include "engine/partition/writer_loop.h"
#include "tests/engine/partition/held_queue.h"
#include "tests/support/log_client.h"
#include "tests/support/manual_clock.h"

namespace bimip::testing {

class PartitionBench : public ::testing::Test {
 protected:
  using Records = std::vector<StoredRecord>;
  static constexpr StoreId kStore{.high = 1, .low = 2};

  // An append that notes, in the order of the answers, whose it was.
  class Request final : public AppendRequest {
   public:
    Request(std::vector<std::string> values, std::vector<RecordFields> fields,
            std::vector<const Request*>& answered)
        : values_(std::move(values)), fields_(std::move(fields)), answered_(answered) {
      if (fields_.empty()) {
        for (const std::string& value : values_) fields_.push_back(value_record(value));
      }
      records = fields_;
    }
    void on_appended(Result<Appended> result) override {
      answer_ = std::move(result);
      answered_.push_back(this);
    }
    bool is_withdrawn() override { return withdrawn; }
    [[nodiscard]] bool done() const { return answer_.has_value(); }
    // Of an answered one: its first offset, or its error.
    [[nodiscard]] std::uint64_t offset() const { return answer_->value().first.value(); }
    [[nodiscard]] const Appended& appended() const { return answer_->value(); }
    [[nodiscard]] ErrorCode error() const { return answer_->error().code; }
    [[nodiscard]] bool stored() const { return done() && answer_->has_value(); }
    bool withdrawn = false;

   private:
    std::vector<std::string> values_;
    std::vector<RecordFields> fields_;
    std::vector<const Request*>& answered_;
    std::optional<Result<Appended>> answer_;
  };

  PartitionBench();
  ~PartitionBench() override { close(); }

  // Makes the partition when it is not there, recovers it and gives it to a loop of its own.
  void open(const TopicConfig& config = {});
  // Without a word to the log: as a crash does. What was not written stays so.
  void close();
  // Asks the writer to stop in good order and lets it work; false when it does not come to an end.
  bool stop();

  Request& append(std::string value, std::optional<Durability> durability = {});
  Request& append_all(std::vector<std::string> values, std::optional<Durability> durability = {});
  Request& append_records(std::vector<RecordFields> fields);

  // One round of the loop; nothing finishes by itself.
  void turn() { loop_->run_once(std::chrono::microseconds(0)); }
  // Everything that is due, in order, until nothing is.
  void settle();
  // Time passes in ticks of the loop, everything due is done.
  void pass(std::chrono::milliseconds time);

  [[nodiscard]] const PartitionReader& reader() const { return partition_->reader(); }
  [[nodiscard]] LogBounds bounds() const { return reader().bounds(); }
  // From an offset to the end; the ranges that damage made unreadable go to `gaps`.
  Records read(Offset from = Offset(0));
  [[nodiscard]] SegmentKeeper::Place place();
  [[nodiscard]] Path path(const std::string& name) { return place().folder / name; }
  [[nodiscard]] bool there(const std::string& name) { return *device_.exists(path(name)); }

  SimDevice device_{1};
  ManualClock clock_;
  BufferPool pool_{limits::kBufferArenaBytes};
  TailCache tail_{limits::kTailCacheBytes};
  SegmentCache sealed_{device_, pool_, 16};
  ReadAhead ahead_{limits::kReadAheadBytes};
  std::unique_ptr<SpareSegments> spares_;
  ManualJobRunner jobs_;
  RewriteBudget budget_{clock_, 0};
  UpkeepCounters upkeep_;
  TroubleCounters troubles_;
  CommitCounters commits_;
  std::function<Status()> on_attach_ = [] { return Status{}; };  // from the next open() on
  HeldQueue* queue_ = nullptr;
  std::unique_ptr<WriterLoop> loop_;
  std::unique_ptr<Partition> partition_;
  PartitionReport report_;
  std::vector<OffsetRange> gaps_;
  std::vector<const Request*> answered_;

 private:
  TopicConfig config_;
  std::vector<std::unique_ptr<Request>> requests_;
};

}  // namespace bimip::testing
