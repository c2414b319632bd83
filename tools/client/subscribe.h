// Reads a topic from some place on, whatever happens to the server meanwhile.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tools/client/link.h"

namespace bimip::v1 {
class DeliveredRecord;
}

namespace bimip::client {

struct From {
  enum class Kind : std::uint8_t { kEarliest, kLatest, kOffset, kTime, kLast };
  Kind kind = Kind::kLatest;
  std::int64_t value = 0;  // an offset, microseconds since 1970, a count
};

enum class Until : std::uint8_t { kStopped, kEnd };  // kEnd: what was there at the beginning

struct SubscribeJob {
  Endpoint server;
  std::string topic;
  std::vector<std::uint32_t> partitions{};  // none: all
  From from{};
  std::optional<std::uint64_t> count{};  // ends after so many records
  Until until = Until::kStopped;
  std::chrono::milliseconds connect_for{0};
  std::chrono::milliseconds reconnect_for{60'000};
  const std::atomic<bool>& stop;
  // False ends it: nobody wants more.
  std::function<bool(std::uint32_t partition, const v1::DeliveredRecord& record)> on_record;
  // Records [first, end) of the partition cannot be had.
  std::function<void(std::uint32_t partition, std::uint64_t first, std::uint64_t end,
                     const std::string& why)>
      on_gap;
  // Nothing more is here now: what was handed on may be shown. False: as of on_record.
  std::function<bool()> on_pause;
  std::function<void(const std::string&)> on_trouble = [](const std::string&) {};
};

struct SubscribeOutcome {
  std::uint64_t records = 0;
  std::uint64_t gaps = 0;
  std::uint64_t reconnects = 0;
  std::optional<engine::Error> error{};  // why it ended early
};

// Hands on every record of each partition in offset order, once, also when the connection breaks in
// between.
[[nodiscard]] SubscribeOutcome subscribe(const SubscribeJob& job);

}  // namespace bimip::client
