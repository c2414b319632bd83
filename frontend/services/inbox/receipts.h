// Tells authors what became of their messages.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "engine/base/thread_annotations.h"
#include "engine/store/log.h"
#include "frontend/services/blocks.h"
#include "frontend/services/in_flight.h"
#include "frontend/services/inbox/inbox_hub.h"

namespace bimip::frontend {

enum class ReceiptScope : std::uint8_t {
  kAll,
  kForAllDevices,  // not what was sent to one device
  kForThisDevice,  // what was sent to the one that says it
};

// About the messages [first, last] of an inbox.
struct ReceiptJob {
  std::string name{};  // "delivered", "read", an application's own
  ReceiptScope scope{};
  std::string category{};  // of the messages
  InboxKey inbox{};
  engine::PartitionId partition{};  // of the inbox
  std::string device{};             // of the inbox's owner, which says it
  engine::IncrementId first{};
  engine::IncrementId last{};
  // What the log refuses is tried again until it takes it, while the server runs; `done` waits.
  bool until_told = false;
};

// Reads the messages and stores, in the inbox of each author, one receipt for those of a page that
// one of his devices sent. Whom the inbox's owner has blocked is told nothing: a receipt is a sign
// of life. A job that was cut short and is done again may tell an author twice; it
// says the same. Thread-safe. Outlives its log's answers.
class Receipts {
 public:
  // All outlive it.
  Receipts(engine::Log& log, engine::TopicInfo topic, const InboxHub& hub, const Blocks& blocks)
      : log_(log), topic_(std::move(topic)), hub_(hub), blocks_(blocks) {}

  using Done = std::move_only_function<void(engine::Status)>;
  // `done` once all of them survive power loss, or the log refused one; on any thread.
  void tell(ReceiptJob job, Done done);
  // Tries again what is to be tried again and has waited long enough. Often.
  void on_tick(std::chrono::nanoseconds now);
  // Waits until the log has answered for everything: before it is closed. Nothing is tried again.
  void settle();

 private:
  class Run;
  struct Untold {
    ReceiptJob job;
    Done done;
  };
  // Whether it will be tried again; `done` is taken then.
  bool keep(const ReceiptJob& job, Done& done);
  engine::Log& log_;
  const engine::TopicInfo topic_;
  const InboxHub& hub_;
  const Blocks& blocks_;
  InFlight in_flight_;
  engine::Mutex mutex_;
  std::deque<Untold> untold_ GUARDED_BY(mutex_);
  std::chrono::nanoseconds tried_at_ GUARDED_BY(mutex_){};
  bool settling_ GUARDED_BY(mutex_) = false;
};

}  // namespace bimip::frontend
