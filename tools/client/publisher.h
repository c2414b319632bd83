// The publishing side of a session, without its socket: which message may be sent now, which is
// stored, which has to be sent again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/client/backoff.h"
#include "tools/client/heartbeat.h"

namespace bimip::client {

// What is kept unacknowledged. The server tells a retry from a new message only among a producer's
// newest numbers, so `messages` bounds the distance between the oldest unacknowledged number and
// the newest.
struct Window {
  std::size_t messages = 1024;
  std::size_t bytes = 16UL * 1024 * 1024;
};

// Why a message cannot be stored.
struct Refusal {
  std::string message{};
  std::chrono::milliseconds retry_after{};
};

// A message that was refused for good.
struct Failure {
  std::uint64_t number = 0;
  std::string message{};
};

// One producer's messages, from the first to the last, over any number of sessions.
//
// Numbers are dense, from 1. Messages are sent in number order. A lost session, or a refusal that
// can pass, sends everything unacknowledged again in that order, under the same numbers; so the
// server, which refuses what follows a refused number, stores each message once and in order. After
// a refusal nothing is sent until all that was in flight is answered: an answer thus always belongs
// to the last sending of its number.
//
// After a failure only the messages before it are brought to an end; nothing after it is sent.
// Invariants: oldest() <= next_to_send <= next_number(); next_number() - oldest() <=
// window.messages. Memory: the window, whatever is published. Thread-compatible.
class Publisher {
 public:
  Publisher(Window window, Backoff backoff);

  // Whether another message may be added.
  [[nodiscard]] bool has_room() const;
  // What the next message has to carry.
  [[nodiscard]] std::uint64_t next_number() const { return next_number_; }
  // The message as it goes over the wire, under next_number().
  void add(std::string_view frame);

  void on_connected(std::size_t in_flight_max);
  void on_disconnected();

  // The next frame to send, valid until the next call; empty when none may be sent now.
  [[nodiscard]] std::string_view take(SteadyTime now);
  // When take() may have more though no answer came.
  [[nodiscard]] std::optional<SteadyTime> resumes_at() const;

  // Whether that was news: a number of this session that was not yet answered.
  bool on_stored(std::uint64_t number);
  void on_refused(std::uint64_t number, const Refusal& refusal, SteadyTime now);
  void on_failed(std::uint64_t number, std::string message);

  // Every number below is stored, except a failed one.
  [[nodiscard]] std::uint64_t oldest() const { return oldest_; }
  [[nodiscard]] std::uint64_t stored() const { return stored_; }
  [[nodiscard]] std::uint64_t resent() const { return resent_; }
  // Nothing is left to send, or to hear of.
  [[nodiscard]] bool is_settled() const { return oldest_ >= end() && in_flight_ == 0; }
  [[nodiscard]] const std::optional<Failure>& failure() const { return failure_; }
  // What holds the messages up, while something does.
  [[nodiscard]] const std::optional<Refusal>& refusal() const { return refusal_; }

 private:
  enum class State : std::uint8_t { kWaiting, kSent, kStored, kFailed };
  struct Slot {
    std::string frame{};
    State state = State::kWaiting;
    bool was_sent = false;
  };

  [[nodiscard]] Slot& slot(std::uint64_t number) { return slots_[number % slots_.size()]; }
  [[nodiscard]] std::uint64_t end() const { return failure_ ? failure_->number : next_number_; }
  [[nodiscard]] bool is_in_flight(std::uint64_t number);
  void settle(std::uint64_t number, State state);
  void go_back();

  Window window_;
  Backoff backoff_;
  std::vector<Slot> slots_;
  std::uint64_t oldest_ = 1;
  std::uint64_t next_to_send_ = 1;
  std::uint64_t next_number_ = 1;
  std::size_t bytes_ = 0;
  std::size_t in_flight_ = 0;
  std::size_t in_flight_max_ = 0;  // 0: no session
  std::optional<Refusal> refusal_{};
  SteadyTime retry_at_{};
  std::optional<Failure> failure_{};
  std::uint64_t stored_ = 0;
  std::uint64_t resent_ = 0;
};

}  // namespace bimip::client
