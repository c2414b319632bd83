// What is told of a session.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/types.h"
#include "frontend/stanza/codes.h"

namespace bimip::frontend {

// A plain value, as of when it was asked for.
struct SessionFacts {
  std::string id{};
  std::string eid{};
  std::string device{};
  std::string_view transport{};
  std::string address{};
  engine::Timestamp opened_at{};
  std::size_t subscriptions = 0;
  std::size_t publishes_in_flight = 0;
  std::size_t output_bytes = 0;
  std::uint32_t round_trip_us = 0;   // 0: not known yet
  std::int64_t clock_offset_us = 0;  // the peer's clock is ahead by so much
  std::chrono::milliseconds heartbeat{};
  // Of one that has ended.
  engine::Timestamp closed_at{};
  Code code{};  // kUnspecified: its peer ended it
  std::string message{};
};

}  // namespace bimip::frontend
