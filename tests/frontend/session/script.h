// A program for sessions, written in bytes: any bytes are one. For property tests and for fuzzing.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "tests/frontend/session/world.h"

namespace bimip::testing {

// The bytes, one decision after another; zeros at the end.
class Decisions {
 public:
  explicit Decisions(engine::Bytes bytes) : rest_(bytes) {}
  [[nodiscard]] bool any() const { return !rest_.empty(); }
  std::uint8_t byte();
  // Below `end`.
  std::uint32_t below(std::uint32_t end) { return byte() % end; }
  bool flip() { return below(2) == 0; }
  std::string some(std::size_t bytes_max);

 private:
  engine::Bytes rest_;
};

// One client whose answers are held against what it asked: each request is answered at most once,
// nothing follows Goodbye, no more is delivered than there is credit for, and what the session
// keeps for its peer is bounded.
class WatchedClient {
 public:
  WatchedClient(World& world, const std::string& eid);
  ~WatchedClient();
  void identify(const std::string& producer_id, const std::string& device);
  void say(v1::Stanza stanza, Decisions& decisions);
  void say_bytes(const std::string& frame);
  // Reads what there is, or only part of it.
  void read(Decisions& decisions);
  void read_all();
  [[nodiscard]] Session& session() { return *session_; }
  [[nodiscard]] std::uint64_t last_subscription() const { return last_subscription_; }
  void check_bounds() const;

 private:
  void hear(const v1::Stanza& stanza);
  void count_delivery(const v1::Delivery& delivery);
  void expect_answer_to(const v1::Stanza& stanza);

  World& world_;
  const std::string eid_;
  std::shared_ptr<Session> session_;
  FrameReader frames_{FrameReader::Begin::kWithFrame};
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, std::size_t> open_;  // answers that may come, by id
  struct Heard {
    std::uint64_t granted = 0;
    std::uint64_t delivered = 0;
    bool is_counted = false;
  };
  std::map<std::uint64_t, Heard> subscriptions_;
  std::deque<std::pair<std::uint64_t, v1::Subscribe>> subscribing_;
  std::uint64_t last_subscription_ = 0;
  std::size_t taken_ = 0;  // and not yet said to be sent
  bool over_ = false;
};

// Runs it in a world of its own; the world is replayed from its recording in the end.
void run_script(engine::Bytes program);

}  // namespace bimip::testing
