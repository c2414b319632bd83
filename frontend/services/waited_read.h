// Reading the log where it may block: views that catch up before the server listens.
#pragma once

#include <future>
#include <utility>

#include "engine/store/log.h"

namespace bimip::frontend {

// A read that its caller waits for. Not for a log whose rounds the caller drives.
class WaitedRead final : public engine::ReadRequest {
 public:
  void on_read(engine::Result<engine::RecordBatch> result) override {
    // The waiter may be gone, and this with it, before set_value() has returned.
    auto answer = std::move(answer_);
    answer.set_value(std::move(result));
  }
  engine::Result<engine::RecordBatch> wait() { return when_read_.get(); }

 private:
  std::promise<engine::Result<engine::RecordBatch>> answer_;
  std::future<engine::Result<engine::RecordBatch>> when_read_ = answer_.get_future();
};

// The records of the partition from an offset on, as many as one read gives. Blocks.
[[nodiscard]] inline engine::Result<engine::RecordBatch> read_and_wait(
    engine::Log& log, engine::TopicId topic, engine::PartitionId partition, engine::Offset from) {
  WaitedRead read;
  read.topic = topic;
  read.partition = partition;
  read.from = from;
  log.read(read);
  return read.wait();
}

}  // namespace bimip::frontend
