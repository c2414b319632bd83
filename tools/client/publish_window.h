// Messages on their way to the server: numbered, sent, sent again, and let go once they are stored.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace bimip::client {

// A pure state machine: no socket, no clock. Messages are sent in the order of their numbers; after
// a lost connection, or a refusal that may be tried again, everything that is not stored is sent
// again from the oldest on, under the same numbers. So the server stores each message once, and in
// order. Thread-compatible.
class PublishWindow {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Limits {
    std::size_t messages = 8192;
    std::size_t bytes = 8 * 1024 * 1024;
  };
  struct Entry {
    std::uint64_t number = 0;  // from 1, without holes
    std::string value{};
  };

  explicit PublishWindow(Limits limits) : limits_(limits) {}

  [[nodiscard]] bool has_room() const {
    return entries_.size() < limits_.messages && bytes_ < limits_.bytes;
  }
  // Nothing more is going to happen to any message.
  [[nodiscard]] bool is_settled() const { return sends_ ? entries_.empty() : on_their_way_ == 0; }
  // Sent, and neither stored nor dropped.
  [[nodiscard]] std::uint64_t unanswered() const;
  // A new connection may allow fewer in flight.
  void set_messages_max(std::size_t messages) { limits_.messages = messages; }

  // Takes a message; answers its number.
  std::uint64_t add(std::string value);
  // The next to be sent, which is then on its way; none: all are, or it is too soon.
  [[nodiscard]] const Entry* next_to_send(Time now);
  // The one with the number behind `entry`, to be sent together with it; none: it is not to be
  // sent, or has more bytes than that.
  [[nodiscard]] const Entry* next_behind(const Entry& entry, std::size_t bytes_max);
  // Every number below it was answered; none when none is held.
  [[nodiscard]] std::uint64_t oldest_number() const {
    return entries_.empty() ? 0 : entries_.front().entry.number;
  }
  // When next_to_send() is to be asked again though nothing came; none: only then.
  [[nodiscard]] std::optional<Time> wakes_at() const;

  // Answers. One for a number that is not on its way is ignored.
  void on_stored(std::uint64_t number);
  void on_refused(std::uint64_t number, Time try_again_at);
  // Nothing that was on its way will be answered.
  void on_disconnected();
  // It can never be stored.
  void on_dropped(std::uint64_t number);
  // Nothing that waits is sent any more.
  void stop_sending() { sends_ = false; }

  [[nodiscard]] std::uint64_t stored() const { return stored_; }
  [[nodiscard]] std::uint64_t sent_again() const { return sent_again_; }

 private:
  enum class State : std::uint8_t { kWaiting, kOnItsWay, kDone };
  struct Slot {
    Entry entry;
    State state = State::kWaiting;
    bool was_sent = false;
  };
  [[nodiscard]] Slot* find(std::uint64_t number);
  const Entry* take(Slot& slot);
  void let_go();

  Limits limits_;
  std::deque<Slot> entries_;
  std::size_t next_ = 0;  // no entry before this one waits to be sent
  std::size_t on_their_way_ = 0;
  bool sends_ = true;
  std::size_t bytes_ = 0;
  std::uint64_t last_number_ = 0;
  // After a refusal: nothing is sent before all answers are there and this time has come.
  std::optional<Time> held_until_;
  std::uint64_t stored_ = 0;
  std::uint64_t sent_again_ = 0;
};

}  // namespace bimip::client
