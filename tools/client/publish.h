// Publishes a stream of messages, whatever happens to the server meanwhile.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/client/link.h"

namespace bimip::client {

class LineReader;

enum class AskedDurability : std::uint8_t { kTopics, kDurable, kWritten };

// When a message may be delivered: spans are counted from when the server takes it.
struct MessageTimes {
  std::optional<std::chrono::milliseconds> expires_in{};
  std::optional<engine::Timestamp> expires_at{};
  std::optional<std::chrono::milliseconds> deliver_in{};
  std::optional<engine::Timestamp> deliver_at{};

  template <typename Message>
  void put(Message& message) const {
    const auto us = [](engine::Timestamp time) { return time.time_since_epoch().count(); };
    const auto ms = [](std::chrono::milliseconds span) {
      return static_cast<std::uint64_t>(span.count());
    };
    if (expires_in) message.set_expires_in_ms(ms(*expires_in));
    if (expires_at) message.set_expires_at_us(us(*expires_at));
    if (deliver_in) message.set_deliver_in_ms(ms(*deliver_in));
    if (deliver_at) message.set_deliver_at_us(us(*deliver_at));
  }
};

struct PublishJob {
  Endpoint server;
  std::string topic;
  // What all messages have.
  std::string key{};
  bool tombstone = false;
  std::vector<std::pair<std::string, std::string>> headers{};
  std::optional<std::uint32_t> partition{};
  AskedDurability durability = AskedDurability::kTopics;
  MessageTimes times{};
  std::chrono::milliseconds connect_for{0};
  std::chrono::milliseconds reconnect_for{60'000};
  const std::atomic<bool>& stop;
  // The offset of each stored message; called in the order of the answers.
  std::function<void(std::uint64_t number, std::uint32_t partition, std::uint64_t offset)>
      on_stored{};
  std::function<void(std::uint64_t stored)> on_progress = [](std::uint64_t) {};
  std::function<void(const std::string&)> on_trouble = [](const std::string&) {};
};

struct PublishOutcome {
  std::uint64_t stored = 0;
  std::uint64_t unanswered = 0;  // sent; may or may not be stored
  std::uint64_t sent_again = 0;
  std::uint64_t reconnects = 0;
  // Why it ended early; `failed` is the number of the message it is about, 0: of none.
  std::optional<engine::Error> error{};
  std::uint64_t failed = 0;
};

// Each line is a message. The server stores each once and in order, also when it crashes or the
// connection breaks in between. A line that can never be stored ends it: the lines before it are
// stored, those behind it that were not yet sent are not.
[[nodiscard]] PublishOutcome publish_lines(const PublishJob& job, LineReader& lines);
[[nodiscard]] PublishOutcome publish_one(const PublishJob& job, std::string message);

}  // namespace bimip::client
