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

// Which records are wanted: a key that is one of `keys` or begins with `key_prefix`, where either
// is given, and each of the headers, with that value where one is given.
struct Wanted {
  std::vector<std::string> keys{};
  std::optional<std::string> key_prefix{};
  std::vector<std::pair<std::string, std::optional<std::string>>> headers{};

  [[nodiscard]] bool is_everything() const {
    return keys.empty() && !key_prefix && headers.empty();
  }
};

// Shares a topic with the other members of a group; the server knows how far the group has come.
struct Group {
  std::string name{};  // empty: in none
  std::chrono::milliseconds redeliver_after{0};
  std::uint32_t deliveries_max = 0;
  std::string dead_letter_topic{};
};

enum class Until : std::uint8_t { kStopped, kEnd };  // kEnd: what was there at the beginning

struct SubscribeJob {
  Endpoint server;
  std::string topic;
  std::vector<std::uint32_t> partitions{};  // none: all
  From from{};                              // in a group: where it has never read
  Wanted wanted{};
  Group group{};
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
// between. In a group: what is handed on is acknowledged then, and handed on again, to this member
// or another, when that was not heard. When it ends without an error, the server has heard it all,
// and a crash does not take it back.
[[nodiscard]] SubscribeOutcome subscribe(const SubscribeJob& job);

}  // namespace bimip::client
